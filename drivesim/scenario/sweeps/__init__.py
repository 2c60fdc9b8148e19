"""Sweeps: which fields vary, how values are combined, and the concrete scenarios."""
