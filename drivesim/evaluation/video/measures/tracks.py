"""Vehicles of a video, followed by a vehicle detector, and which of them it should not lose.

Only vehicles *count* that a detector should not lose: of at least 40 px at 1024 pixels of width, away from the edges of
the frame, and with nothing in front of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from drivesim.data.ingest.labels.detected import TrackedDetection, joined_detections
from drivesim.detection.detections import Detections
from drivesim.detection.detector import Detector
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.video.sources.videos import Video
from drivesim.geometry.boxes import area
from drivesim.geometry.requestable import longer_side
from drivesim.scenario.schema.vocabulary import FRAME_WIDTH_PX

MIN_SIDE_PX = 40.0
LOWEST_FPS = 5.0
"""Below this frame rate, boxes of one vehicle hardly overlap from frame to frame."""

_EDGE = 0.02
_COVERED = 0.25
"""A vehicle of which a nearer one covers this part may be out of sight in the next frame."""


def away_from_edges(boxes: np.ndarray) -> np.ndarray:
    """Returns whether no edge of the frame cuts boxes `... 4` in 0..1 of it, or is about to; vehicles stand below the
    upper one."""
    inside: np.ndarray = (boxes[..., 0] > _EDGE) & (boxes[..., 2:] < 1 - _EDGE).all(-1)
    return inside


@dataclass(frozen=True)
class Sighting:
    """A vehicle in one frame.

    Attributes:
        frame: Number of the frame.
        found: The detection, with its box in 0..1 of the frame.
        large: Whether it is large enough to count.
        in_full_view: Whether it is away from the edges of the frame and no nearer vehicle hides it.
    """

    frame: int
    found: TrackedDetection
    large: bool
    in_full_view: bool

    @property
    def counts(self) -> bool:
        """Whether a detector should not lose the vehicle."""
        return self.large and self.in_full_view


@dataclass(frozen=True, eq=False)
class Tracks:
    """The followed vehicles of a video.

    Attributes:
        fps: Frames per second.
        num_frames: Number of frames.
        vehicles: What was seen of each vehicle, in order of time.
    """

    fps: float
    num_frames: int
    vehicles: tuple[tuple[Sighting, ...], ...]

    @classmethod
    def of(cls, seen: Sequence[Sequence[TrackedDetection]], fps: float) -> Tracks:
        """Returns the vehicles of tracked detections, given by frame with boxes in 0..1 of the frame."""
        tracks: dict[int, list[Sighting]] = defaultdict(list)
        for number, frame in enumerate(seen):
            for sighting in _sightings(number, frame):
                tracks[sighting.found.track].append(sighting)
        return cls(fps, len(seen), tuple(map(tuple, tracks.values())))


@dataclass(frozen=True, eq=False)
class Follower:
    """Follows the vehicles of videos, each of them only once."""

    detector: Detector
    _known: dict[Video, Tracks] = field(default_factory=dict)

    def __call__(self, video: Video) -> Tracks:
        """Returns the vehicles of a video.

        Raises:
            MissingExtraError: The package trackers is not installed.
        """
        if video not in self._known:
            self._known[video] = self._followed(video)
        return self._known[video]

    def protocol(self, protocol: Protocol, measure: str) -> Protocol:
        """Returns the protocol of a measure of the tracks."""
        detector = self.detector
        return replace(
            protocol,
            measure=measure,
            network=detector.name,
            network_sha256=detector.sha256,
            resize=detector.preparation,
        )

    def _followed(self, video: Video) -> Tracks:
        detections: list[Detections] = []
        width, height = 1, 1
        for part in video.parts():
            detections += self.detector.detect(part)
            height, width = part.shape[1:3]
        seen = joined_detections(detections, width, height, video.fps, self.detector.threshold)
        scale = np.array([width, height, width, height])
        return Tracks.of([[replace(f, xyxy=f.xyxy / scale) for f in frame] for frame in seen], video.fps)


def _sightings(number: int, frame: Sequence[TrackedDetection]) -> Iterator[Sighting]:
    boxes = np.array([found.xyxy for found in frame], float).reshape(-1, 4)
    large = longer_side(boxes) * FRAME_WIDTH_PX >= MIN_SIDE_PX
    inside = away_from_edges(boxes)
    shared = np.concatenate(
        [np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])], -1
    )
    covered = np.where(shared[..., 2:] > shared[..., :2], shared[..., 2:] - shared[..., :2], 0).prod(-1)
    nearer = boxes[None, :, 3] > boxes[:, None, 3]
    hidden = (nearer & (covered >= _COVERED * np.maximum(area(boxes), 1e-9)[:, None])).any(1)
    for found, is_large, in_view in zip(frame, large, inside & ~hidden, strict=True):
        yield Sighting(number, found, bool(is_large), bool(in_view))
