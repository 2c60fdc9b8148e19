"""Recording: drive logs and packed footage of the world, with exact labels, by several processes."""
