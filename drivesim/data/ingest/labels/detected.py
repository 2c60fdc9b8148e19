"""Vehicles that a detector finds, joined into tracks: labels for footage without annotations.

ByteTrack (Zhang et al., 2022) of the package trackers joins detections into tracks. Short tracks are left out, because
single detections are often false.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
_TRACKER_FPS = 30.0  # frame rate at which the tracker measures its buffer of lost tracks


@dataclass(frozen=True, eq=False)
class TrackedDetection:
    """A detection that belongs to a track.

    Attributes:
        track: Number of the track in its video.
        category: Position in `CATEGORIES` that the detector gave in this frame.
        xyxy: Box in pixels of the frame, `4`.
    """

    track: int
    category: int
    xyxy: np.ndarray


def tracked_vehicles(
    detections: Sequence[Detections], width: int, height: int, fps: float, threshold: float
) -> list[tuple[VehicleLabel, ...]]:
    """Returns the vehicle labels of each frame of a drive log.

    Args:
        detections: Detections in each frame.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        fps: Frame rate of the log.
        threshold: Smallest score of the detector that counts; a track begins only with a higher score.

    Raises:
        MissingExtraError: The package trackers is not installed.
    """
    seen = joined_detections(detections, width, height, fps, threshold)
    return _labels(seen, max(MIN_TRACK_FRAMES, round(MIN_TRACK_S * fps)))


def joined_detections(
    detections: Sequence[Detections], width: int, height: int, fps: float, threshold: float
) -> list[list[TrackedDetection]]:
    """Returns the detections of each frame that ByteTrack joins into tracks; the arguments are those of
    `tracked_vehicles`.

    Raises:
        MissingExtraError: The package trackers is not installed.
    """
    trackers, supervision = _library("trackers"), _library("supervision")
    tracker = trackers.ByteTrackTracker(
        lost_track_buffer=round(_LOST_AFTER_S * _TRACKER_FPS),
        frame_rate=fps,
        track_activation_threshold=threshold,
        high_conf_det_threshold=threshold + 0.25 * (1 - threshold),
        minimum_consecutive_frames=1,
    )
    seen: list[list[TrackedDetection]] = []
    for found in detections:
        boxes = to_pixels(found.xyxy, width, height).astype(np.float32)
        given = supervision.Detections(xyxy=boxes.reshape(-1, 4), confidence=found.score, class_id=found.category)
        made = tracker.update(given)
        ids = np.full(len(made), -1) if made.tracker_id is None else made.tracker_id
        rows = zip(ids, made.class_id, made.xyxy, strict=True)
        seen.append([TrackedDetection(int(i), int(c), box) for i, c, box in rows if i >= 0])
    return seen


def _labels(seen: list[list[TrackedDetection]], least: int) -> list[tuple[VehicleLabel, ...]]:
    """Returns the boxes of tracks with enough detections, each with the most frequent category of its track."""
    votes: dict[int, Counter[int]] = {}
    for frame in seen:
        for found in frame:
            votes.setdefault(found.track, Counter())[found.category] += 1
    kept = {track: vote.most_common(1)[0][0] for track, vote in votes.items() if vote.total() >= min(least, len(seen))}
    return [tuple(_label(f.track, kept[f.track], f.xyxy) for f in frame if f.track in kept) for frame in seen]


def _label(track: int, category: int, box: np.ndarray) -> VehicleLabel:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    edges = (x0, y0, x1, y1)
    return VehicleLabel(track, CATEGORIES[category], edges, edges, distance_m=None, visible_fraction=None)


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(f"tracks need the package {name}: pip install 'drivesim[detect]'") from None
