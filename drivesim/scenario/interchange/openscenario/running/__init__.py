"""Executes a storyboard in time steps: its parts, conditions and actions, and the entities that they move."""
