"""`drivesim evaluate`: a verb for each measurement."""
