"""Actions of a file: those of entities become runs or take effect at once, and global actions set values."""
