"""`drivesim batch` and its live table."""
