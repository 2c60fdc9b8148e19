"""Runs a storyboard in time steps: entities that move, conditions, actions, and what they are part of."""
