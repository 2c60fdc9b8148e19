"""Logs of where vehicles were: CSV, CommonRoad, CARLA."""
