"""Labels in columns: all vehicles of many frames as they were labelled, and the conditions that follow from them.

`VehicleColumns` holds facts and no rule, so that shards of packed footage stay valid when a rule changes;
`FrameColumns` is derived from it by the rules of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from drivesim.data.drive_log_labels import FrameLabel
from drivesim.detection.scores import longer_side
from drivesim.scenario.schema.vocabulary import (
    CATEGORIES,
    MIN_BOX_SIDE,
    MIN_VISIBLE_FRACTION,
    MIN_VISIBLE_FRACTION_AT_EDGE,
)

MAX_BOXES = 24
NOT_LABELLED = -1
MIN_COUNTED_SIDE = 12 / 1024
_BEYOND_ALL_M = 1e6


@dataclass(frozen=True, eq=False)
class VehicleColumns:
    """All labelled vehicles of `n` frames, `m` in all, frame by frame.

    count: (n,) int32, vehicles of each frame, NOT_LABELLED where nobody has looked for any.
    box: (m, 4) float32, x0 y0 x1 y1 of the visible part in 0..1.
    category: (m,) int8, position in CATEGORIES. track_id: (m,) int64.
    distance_m, visible_fraction: (m,) float64, NaN where unknown.
    cut_off: (m,) bool, whether the left or right side of the frame cuts the vehicle off.
    """

    count: np.ndarray
    box: np.ndarray
    category: np.ndarray
    track_id: np.ndarray
    distance_m: np.ndarray
    visible_fraction: np.ndarray
    cut_off: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[FrameLabel], width: int, height: int) -> VehicleColumns:
        """The vehicles of labelled frames of `width` x `height` pixels."""
        vehicles = [vehicle for frame in frames for vehicle in frame.vehicles or ()]
        pixels = np.array([vehicle.box for vehicle in vehicles], np.float32).reshape(-1, 4)
        return cls(
            count=np.array([NOT_LABELLED if f.vehicles is None else len(f.vehicles) for f in frames], np.int32),
            box=pixels / np.array([width, height] * 2, np.float32),
            category=np.array([CATEGORIES.index(vehicle.category) for vehicle in vehicles], np.int8),
            track_id=np.array([vehicle.track_id for vehicle in vehicles], np.int64),
            distance_m=np.array([vehicle.distance_m for vehicle in vehicles], np.float64),
            visible_fraction=np.array([vehicle.visible_fraction for vehicle in vehicles], np.float64),
            cut_off=(pixels[:, 0] <= 1) | (pixels[:, 2] >= width - 1),
        )

    @classmethod
    def joined(cls, parts: Sequence[VehicleColumns]) -> VehicleColumns:
        """The vehicles of several footages, one after the other."""
        parts = [cls.of((), 1, 1), *parts]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in field_names(cls)})

    @property
    def frame(self) -> np.ndarray:
        """(m,): the frame of each vehicle."""
        return np.repeat(np.arange(len(self.count)), np.maximum(self.count, 0))

    @property
    def side(self) -> np.ndarray:
        """(m,) float32: the longer side of each box, in widths of the frame (which is twice as wide as high)."""
        return longer_side(self.box)

    @property
    def in_view(self) -> np.ndarray:
        """(m,) bool: enough of it is seen; less will do of one that the frame cuts off, for it hides nothing there.

        A vehicle of which it is not known counts as seen: its box was drawn around what somebody saw.
        """
        least = np.where(self.cut_off, MIN_VISIBLE_FRACTION_AT_EDGE, MIN_VISIBLE_FRACTION)
        return ~(self.visible_fraction < least)

    @property
    def nearness(self) -> np.ndarray:
        """(m,) float64 to sort by, smallest first: the distance, or else how high in the frame the box ends."""
        return np.where(np.isnan(self.distance_m), _BEYOND_ALL_M - self.box[:, 3], self.distance_m)


@dataclass(frozen=True, eq=False)
class FrameColumns:
    """What models are conditioned on. `n` frames, `k` = MAX_BOXES; -1 is unknown or padding.

    boxes: (n, k, 4) x0 y0 x1 y1 in 0..1, nearest first, only those large and visible enough to ask for.
    category: (n, k). time_of_day: (n,). crowdedness: (n,) vehicles in view. ego_motion: (n, 2) m/s, rad/s, both NaN
    where either is unknown. A frame of unknown crowdedness has unknown boxes.
    """

    boxes: np.ndarray
    category: np.ndarray
    time_of_day: np.ndarray
    crowdedness: np.ndarray
    ego_motion: np.ndarray

    @classmethod
    def of(cls, vehicles: VehicleColumns, time_of_day: np.ndarray, ego_motion: np.ndarray) -> FrameColumns:
        """From all vehicles, the time of day (n,) of each frame and the ego's motion (n, 2)."""
        n, frame, side, in_view = len(vehicles.count), vehicles.frame, vehicles.side, vehicles.in_view
        boxes, category = np.zeros((n, MAX_BOXES, 4), np.float32), np.full((n, MAX_BOXES), -1, np.int8)
        asked = np.flatnonzero(in_view & (side >= MIN_BOX_SIDE))
        asked = asked[np.lexsort((vehicles.nearness[asked], frame[asked]))]
        first = np.searchsorted(frame[asked], frame[asked])
        slot = np.arange(len(asked)) - first
        asked, slot = asked[slot < MAX_BOXES], slot[slot < MAX_BOXES]
        boxes[frame[asked], slot] = vehicles.box[asked]
        category[frame[asked], slot] = vehicles.category[asked]
        counted = frame[in_view & (side >= MIN_COUNTED_SIDE)]
        crowdedness = np.where(vehicles.count == NOT_LABELLED, -1, np.bincount(counted, minlength=n)).astype(np.int16)
        return cls(boxes, category, time_of_day.astype(np.int8), crowdedness, ego_motion.astype(np.float32))


def field_names(record: type) -> list[str]:
    """The columns of a record of columns."""
    return [field.name for field in fields(record)]
