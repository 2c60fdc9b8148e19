"""Vehicles that vanish, appear from nowhere, or change category, by tracks of a vehicle detector.

A detector misses vehicles in recorded footage too, so each figure is read beside that of the real videos. Only
vehicles count that a detector should not lose: of at least 40 px at 1024 pixels of width, away from the edges of the
frame, and with nothing in front of them. A vehicle *vanishes* if its track ends while it counts, more than half a
second before the end of the video; it *appears from nowhere* if its track begins while it counts, after the first half
second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivesim.data.ingest.labels.detected import TrackedDetection, joined_detections
from drivesim.detection.detections import Detections
from drivesim.detection.detector import Detector
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.videos import Video
from drivesim.geometry.boxes import area
from drivesim.geometry.requestable import longer_side
from drivesim.scenario.schema.vocabulary import FRAME_WIDTH_PX

MIN_SIDE_PX = 40.0
_EDGE, _GRACE_S, _LEAST_TRACK_S = 0.02, 0.5, 0.3
_COVERED = 0.25
"""A vehicle of which a nearer one covers this part may be out of sight in the next frame."""

VANISHED, APPEARED, CHANGED = "vanished", "appeared from nowhere", "changed category"
LOWEST_FPS = 5.0
"""Below this frame rate, boxes of one vehicle hardly overlap from frame to frame."""


@dataclass(frozen=True)
class Permanence:
    """What happened to the vehicles of a video.

    Attributes:
        vehicle_s: Seconds over which vehicles that count were seen, summed over vehicles.
        events: Number of events by kind.
        vehicles_per_frame: Mean number of detected vehicles.
    """

    vehicle_s: float
    events: dict[str, int]
    vehicles_per_frame: float


def permanence_figures(
    groups: dict[str, Sequence[Video]], detector: Detector, protocol: Protocol, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures events per vehicle and second, for each group of videos.

    Args:
        groups: The videos by the name of their group.
        detector: Finds the vehicles.
        protocol: The protocol without measure and network.
        on_progress: Is called with the progress of the work.
    """
    protocol = replace(protocol, network=detector.name, network_sha256=detector.sha256, resize=detector.preparation)
    total, done = sum(map(len, groups.values())), 0
    for group, videos in groups.items():
        found = []
        for video in videos:
            found.append(permanence(video, detector))
            done += 1
            on_progress("following vehicles", done, total)
        seconds = np.array([one.vehicle_s for one in found])
        for kind in (VANISHED, APPEARED, CHANGED):
            events = np.array([one.events[kind] for one in found], float)
            measure = (
                f"vehicles of at least {MIN_SIDE_PX:g} px that {kind}, per vehicle and second, bootstrap over videos"
            )
            name = f"{kind.replace(' ', '_')}_per_vehicle_s"
            how = replace(protocol, measure=measure)
            yield ratio_figure(name, group, events, seconds, how, count=round(seconds.sum()))
        measure = "detected vehicles per frame, bootstrap over videos"
        frames = np.array([len(video.frames) for video in videos], float)
        counts = np.array([one.vehicles_per_frame for one in found]) * frames
        yield ratio_figure("vehicles_per_frame", group, counts, frames, replace(protocol, measure=measure))


def permanence(video: Video, detector: Detector) -> Permanence:
    """Follows the vehicles of a video.

    Raises:
        MissingExtraError: The package trackers is not installed.
    """
    detections: list[Detections] = []
    width, height = 1, 1
    for part in video.parts():
        detections += detector.detect(part)
        height, width = part.shape[1:3]
    seen = joined_detections(detections, width, height, video.fps, detector.threshold)
    scale = np.array([width, height, width, height])
    return events_of([[replace(f, xyxy=f.xyxy / scale) for f in frame] for frame in seen], video.fps)


def events_of(seen: Sequence[Sequence[TrackedDetection]], fps: float) -> Permanence:
    """Counts what happened to tracked vehicles, given by frame with boxes in 0..1 of the frame."""
    tracks: dict[int, list[tuple[int, TrackedDetection]]] = defaultdict(list)
    counts = [_counting(frame) for frame in seen]
    for number, frame in enumerate(seen):
        for found in frame:
            tracks[found.track].append((number, found))
    grace, least = _GRACE_S * fps, max(2, round(_LEAST_TRACK_S * fps))
    events, counted = dict.fromkeys((VANISHED, APPEARED, CHANGED), 0), 0
    for track in tracks.values():
        if len(track) < least:
            continue
        (first, _), (last, _) = track[0], track[-1]
        place = [counts[number][found.track] for number, found in track]
        counted += sum(place)
        events[VANISHED] += bool(place[-1] and len(seen) - 1 - last > grace)
        events[APPEARED] += bool(place[0] and first > grace)
        steps = zip(track[:-1], track[1:], place[1:], strict=True)
        events[CHANGED] += sum(
            before.category != after.category and counts_ for (_, before), (_, after), counts_ in steps
        )
    per_frame = sum(map(len, seen)) / len(seen) if seen else 0.0
    return Permanence(counted / fps, events, per_frame)


def _counting(frame: Sequence[TrackedDetection]) -> dict[int, bool]:
    """Whether each track of a frame is one that a detector should not lose."""
    boxes = np.array([found.xyxy for found in frame], float).reshape(-1, 4)
    large = longer_side(boxes) * FRAME_WIDTH_PX >= MIN_SIDE_PX
    inside = (boxes[:, 0] > _EDGE) & (boxes[:, 2] < 1 - _EDGE) & (boxes[:, 3] < 1 - _EDGE)
    shared = np.concatenate(
        [np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])], -1
    )
    covered = np.where(shared[..., 2:] > shared[..., :2], shared[..., 2:] - shared[..., :2], 0).prod(-1)
    nearer = boxes[None, :, 3] > boxes[:, None, 3]
    hidden = (nearer & (covered >= _COVERED * np.maximum(area(boxes), 1e-9)[:, None])).any(1)
    return {found.track: bool(keep) for found, keep in zip(frame, large & inside & ~hidden, strict=True)}
