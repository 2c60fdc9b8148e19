"""Interchange with other tools: scenarios from OpenSCENARIO, labels as OpenLABEL and COCO."""
