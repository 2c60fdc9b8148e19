"""The stages: what each trains on, and its loss."""
