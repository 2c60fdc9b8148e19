"""Where things are: an assumed straight road, or the one of an OpenDRIVE file, and positions on it."""
