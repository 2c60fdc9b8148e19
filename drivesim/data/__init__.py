"""Footage with labels: drive logs, packed footage in shards, clips sampled from it, and cached latents."""
