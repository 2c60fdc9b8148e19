"""Losses that several stages share, and the crops that they are computed on."""
