"""Plausibility checks: boxes, places and motion that no road, vehicle or camera allows."""
