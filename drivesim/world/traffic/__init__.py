"""The road, the vehicles and the ego on it, and how they drive."""
