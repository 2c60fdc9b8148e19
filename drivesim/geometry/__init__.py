"""Geometry of roads, vehicles and pictures: boxes, camera, trajectories, and which vehicles may be requested."""
