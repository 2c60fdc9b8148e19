"""The training of each stage: what it sees, its losses, and how it is measured."""
