"""Scenery: everything in a world that does not move, and what of it can hide vehicles."""
