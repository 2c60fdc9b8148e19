"""Training: one loop, one module a stage."""
