"""The schema of scenario files: fields, units, ranges, and the scenes that they describe."""
