"""Scenario files as text: YAML documents, scalars, and problems with their places."""
