"""The training loop and its parts: optimiser, budget, saved states, metrics."""
