"""Sweeps: which fields vary, the expressions between them, how values are combined, and the concrete scenarios."""
