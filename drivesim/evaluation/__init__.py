"""The ruler: figures of quality with their protocol and their uncertainty."""
