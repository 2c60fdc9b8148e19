"""The road in view in columns: lines and areas of many frames, as they were labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drivesim.data.columns import field_names
from drivesim.data.drive_log_labels import FrameLabel
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import ROAD_KINDS

_UNIT = np.iinfo(np.uint16).max
"""The whole width or height of a frame in the unit of stored points."""


@dataclass(frozen=True, eq=False)
class RoadColumns:
    """The roads of `n` frames: `e` lines and areas, frame by frame, with `p` points in all.

    Attributes:
        count: Number of lines and areas of each frame, -1 where the road is unknown, int32 `n`.
        kind: Position in `ROAD_KINDS`, int8 `e`.
        length: Number of points of each line or area, int32 `e`.
        points: Points x, y, uint16 `p 2`; 65535 stands for the width or height of the frame.
    """

    count: np.ndarray
    kind: np.ndarray
    length: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[FrameLabel], width: int, height: int) -> RoadColumns:
        """Returns the roads of labelled frames of `width` × `height` pixels."""
        elements = [element for label in labels for element in label.road or ()]
        pixels = np.array([point for element in elements for point in element.points], np.float64).reshape(-1, 2)
        return cls(
            count=np.array([-1 if label.road is None else len(label.road) for label in labels], np.int32),
            kind=np.array([ROAD_KINDS.index(element.kind) for element in elements], np.int8),
            length=np.array([len(element.points) for element in elements], np.int32),
            points=np.clip(np.round(pixels / (width, height) * _UNIT), 0, _UNIT).astype(np.uint16),
        )

    @classmethod
    def unknown(cls, num_frames: int) -> RoadColumns:
        """Returns the columns of frames whose roads are unknown."""
        none = cls.of((), 1, 1)
        return cls(np.full(num_frames, -1, np.int32), none.kind, none.length, none.points)

    @classmethod
    def joined(cls, parts: Sequence[RoadColumns]) -> RoadColumns:
        """Returns the roads of several parts, one after the other."""
        parts = [cls.unknown(0), *parts]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in field_names(cls)})

    def view(self, frame: int) -> RoadView | None:
        """Returns the road of one frame, or None if it is unknown."""
        if self.count[frame] < 0:
            return None
        first, last = self._first_element[frame], self._first_element[frame + 1]
        points = self.points[self._first_point[first] : self._first_point[last]]
        return RoadView(
            kind=self.kind[first:last].astype(np.int64),
            length=self.length[first:last].astype(np.int64),
            points=(points / np.float32(_UNIT)).astype(np.float32),
        )

    @cached_property
    def _first_element(self) -> np.ndarray:
        """The first element of each frame, and the number of all, `n + 1`."""
        return np.concatenate([[0], np.cumsum(np.maximum(self.count, 0), dtype=np.int64)])

    @cached_property
    def _first_point(self) -> np.ndarray:
        """The first point of each element, and the number of all, `e + 1`."""
        return np.concatenate([[0], np.cumsum(self.length, dtype=np.int64)])
