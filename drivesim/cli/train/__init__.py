"""`drivesim train`: the chain, and single stages."""
