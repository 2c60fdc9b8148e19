"""Vehicles found in pictures: detections, matching, scores, and adherence of a picture to what was requested."""
