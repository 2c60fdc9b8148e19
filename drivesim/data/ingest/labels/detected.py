"""Vehicles that a detector finds, joined into tracks: labels for footage that brings none.

Tracks are made by ByteTrack (Zhang et al., 2022) of the package trackers. A track must be seen several times, so that
single false detections are left out.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from drivesim.data.drive_log_labels import VehicleLabel
from drivesim.detection.detections import Detections
from drivesim.errors import MissingExtraError
from drivesim.geometry.boxes import to_pixels
from drivesim.scenario.schema.vocabulary import CATEGORIES

MIN_TRACK_S = 0.3
MIN_TRACK_FRAMES = 2
_LOST_AFTER_S = 1.0
_TRACKER_FPS = 30.0  # what the tracker counts its buffer of lost tracks in


def tracked_vehicles(
    detections: Sequence[Detections], width: int, height: int, fps: float, threshold: float
) -> list[tuple[VehicleLabel, ...]]:
    """Labels of each frame of a drive log, from what was detected in it.

    Args:
        width, height: of the frames in pixels.
        threshold: smallest score that counts, of the detector; a track begins only with a better one.

    Raises:
        MissingExtraError: the package trackers is not installed.
    """
    trackers, supervision = _library("trackers"), _library("supervision")
    tracker = trackers.ByteTrackTracker(
        lost_track_buffer=round(_LOST_AFTER_S * _TRACKER_FPS),
        frame_rate=fps,
        track_activation_threshold=threshold,
        high_conf_det_threshold=threshold + 0.25 * (1 - threshold),
        minimum_consecutive_frames=1,
    )
    seen: list[list[tuple[int, int, np.ndarray]]] = []
    for found in detections:
        boxes = to_pixels(found.xyxy, width, height).astype(np.float32)
        given = supervision.Detections(xyxy=boxes.reshape(-1, 4), confidence=found.score, class_id=found.category)
        made = tracker.update(given)
        ids = np.full(len(made), -1) if made.tracker_id is None else made.tracker_id
        seen.append([(int(i), int(c), b) for i, c, b in zip(ids, made.class_id, made.xyxy, strict=True) if i >= 0])
    return _labels(seen, max(MIN_TRACK_FRAMES, round(MIN_TRACK_S * fps)))


def _labels(seen: list[list[tuple[int, int, np.ndarray]]], least: int) -> list[tuple[VehicleLabel, ...]]:
    """The boxes of tracks that were seen often enough, each of the category that its track mostly had."""
    votes: dict[int, Counter[int]] = {}
    for frame in seen:
        for track, category, _ in frame:
            votes.setdefault(track, Counter())[category] += 1
    kept = {track: vote.most_common(1)[0][0] for track, vote in votes.items() if vote.total() >= min(least, len(seen))}
    return [tuple(_label(track, kept[track], box) for track, _, box in frame if track in kept) for frame in seen]


def _label(track: int, category: int, box: np.ndarray) -> VehicleLabel:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    edges = (x0, y0, x1, y1)
    return VehicleLabel(track, CATEGORIES[category], edges, edges, distance_m=None, visible_fraction=None)


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(f"tracks need the package {name}: pip install 'drivesim[detect]'") from None
