"""Reads files (elements with their lines, parameters, catalogues and vehicles) and notes what is left out."""
