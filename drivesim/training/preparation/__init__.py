"""From the name of a stage to everything that it trains with: footage, weights to start from, network and settings."""
