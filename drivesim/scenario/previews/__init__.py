"""Previews: pictures of a scenario before any sampling, and the drawing of boxes that other parts use too."""
