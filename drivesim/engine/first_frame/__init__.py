"""The first frame of a scenario: its boxes, its keyframe (composed, gated or encoded) and its picture."""
