"""Labels that are derived if the footage lacks them: day or night, detected vehicles, ego motion."""
