"""Conversion of recordings into drive logs."""
