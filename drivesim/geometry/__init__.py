"""Geometry of pictures: boxes and the pinhole camera; no torch."""
