"""Detectors that a user brings as an ONNX file: settings, inputs and outputs, and the process they run in."""
