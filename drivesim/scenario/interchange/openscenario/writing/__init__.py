"""Makes a scenario of what a storyboard has done: manoeuvres where they say the same, else trajectories."""
