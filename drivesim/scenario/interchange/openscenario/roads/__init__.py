"""Roads and positions on them: an assumed straight road, or the roads of an OpenDRIVE file."""
