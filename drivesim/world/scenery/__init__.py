"""Everything of a world that does not move."""
