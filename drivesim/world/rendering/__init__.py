"""Rendering: light, air, and the rasterizer."""
