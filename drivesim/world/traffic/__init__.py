"""The road and who drives on it."""
