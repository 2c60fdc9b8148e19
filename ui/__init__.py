"""The browser page: draw a scene, compose it, watch its futures, and take it away as YAML (`drivesim ui`)."""
