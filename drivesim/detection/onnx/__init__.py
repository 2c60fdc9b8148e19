"""Detectors that a user brings as an ONNX file: settings, inputs and outputs, and the process that they run in."""
