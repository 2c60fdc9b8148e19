"""Quality figures with their protocol and their uncertainty."""
