"""Writes an executed storyboard as a scenario: manoeuvres if they are equivalent, or else trajectories."""
