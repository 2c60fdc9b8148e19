"""The procedural driving world: vehicles, road and traffic, scenery, rendering, recording; it needs the extra `world`.

Everything in a world follows from one seed, and every recorded frame has exact labels.
"""
