"""Labels that the footage does not bring: day or night, detected vehicles, ego motion."""
