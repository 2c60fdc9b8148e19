"""Formats of other tools: OpenSCENARIO, OpenLABEL, COCO."""
