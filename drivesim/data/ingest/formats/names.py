"""Names of the formats."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Format that `drivesim ingest` reads."""

    video = "video"
    images = "images"
    nuscenes = "nuscenes"
    bdd100k = "bdd100k"
    scalabel = "scalabel"
    kitti_raw = "kitti-raw"
    kitti_tracking = "kitti-tracking"
    coco = "coco"
    cvat = "cvat"
    comma2k19 = "comma2k19"
    waymo = "waymo"
