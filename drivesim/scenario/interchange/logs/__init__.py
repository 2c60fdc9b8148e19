"""Imports logs of vehicle positions: CSV, CommonRoad and CARLA."""
