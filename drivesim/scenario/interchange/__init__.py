"""Exchange with other tools: imports scenarios from OpenSCENARIO and logs, exports labels as OpenLABEL and COCO."""
