"""Vehicles: parts, bodies, and the fleet."""
