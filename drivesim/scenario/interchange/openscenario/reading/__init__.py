"""Reads files: elements with their lines, parameters, catalogues, vehicles; and keeps what is left out."""
