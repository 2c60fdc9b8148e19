"""Plausibility checks of boxes, places and motion."""
