"""drivesim: scenario files become driving video."""

__version__ = "0.1.0"
