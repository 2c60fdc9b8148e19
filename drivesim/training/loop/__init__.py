"""The training loop and what it stands on: optimizer, budget, state, metrics."""
