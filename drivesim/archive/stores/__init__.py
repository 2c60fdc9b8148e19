"""Zarr stores that keep the promises of an archive, and where they read from."""
