"""Whether vehicles in composed frames face where they should and have the colour that they should have."""
