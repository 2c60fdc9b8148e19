"""Training: one loop, one module per stage, and the chain that trains all of them in a given time."""
