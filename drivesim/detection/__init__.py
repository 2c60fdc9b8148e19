"""Vehicles found in pictures: detections, matching, scores, adherence of a picture to what was asked for."""
