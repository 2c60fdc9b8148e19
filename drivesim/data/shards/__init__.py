"""Shards of packed footage: their format, how they are opened and how they are written."""
