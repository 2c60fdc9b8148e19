"""Footage with labels: drive logs, the clips cut from them, and the latent cache."""
