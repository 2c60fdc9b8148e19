"""What a scenario file may say: fields, units, ranges, and the scenes that follow."""
