"""Figures of video: distances that see time, warping error, diversity, drift, and vehicles over time."""
