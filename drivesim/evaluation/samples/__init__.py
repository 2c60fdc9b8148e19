"""The frames that are measured: recorded, composed, or taken from archives."""
