"""The videos that are measured: recorded, sampled, or taken from archives."""
