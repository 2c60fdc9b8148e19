"""The browser page: draw a scene, compose it, watch its futures, and download it as YAML (`drivesim ui`)."""
