"""The procedural driving world: roads, traffic, scenery, camera and recorder; drawing it needs the extra `world`."""
