"""Footage with labels: drive logs, shards of packed footage, clips drawn from them, and the latent cache."""
