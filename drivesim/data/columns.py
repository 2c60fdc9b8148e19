"""Labels in columns: all vehicles of many frames as they were labelled, and the conditions that follow from them.

`VehicleColumns` holds facts and no rule, so that shards of packed footage stay valid when a rule changes;
`FrameColumns` is derived from it by the rules of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from drivesim.data.drive_log_labels import FrameLabel
from drivesim.geometry.requestable import counts_as_vehicle, is_cut_off, may_be_requested
from drivesim.scenario.schema.vocabulary import CATEGORIES

MAX_BOXES = 24


@dataclass(frozen=True, eq=False)
class VehicleColumns:
    """All labelled vehicles of `n` frames, `m` in all, frame by frame.

    count: (n,) int32, vehicles of each frame. box: (m, 4) float32, x0 y0 x1 y1 of the visible part in 0..1.
    category: (m,) int8, position in CATEGORIES. track_id: (m,) int64. distance_m, visible_fraction: (m,) float64.
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
        vehicles = [vehicle for frame in frames for vehicle in frame.vehicles]
        pixels = np.array([vehicle.box for vehicle in vehicles], np.float32).reshape(-1, 4)
        return cls(
            count=np.array([len(frame.vehicles) for frame in frames], np.int32),
            box=pixels / np.array([width, height] * 2, np.float32),
            category=np.array([CATEGORIES.index(vehicle.category) for vehicle in vehicles], np.int8),
            track_id=np.array([vehicle.track_id for vehicle in vehicles], np.int64),
            distance_m=np.array([vehicle.distance_m for vehicle in vehicles], np.float64),
            visible_fraction=np.array([vehicle.visible_fraction for vehicle in vehicles], np.float64),
            cut_off=is_cut_off(pixels[:, 0], pixels[:, 2], width),
        )

    @classmethod
    def joined(cls, parts: Sequence[VehicleColumns]) -> VehicleColumns:
        """The vehicles of several footages, one after the other."""
        parts = [cls.of((), 1, 1), *parts]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in field_names(cls)})

    @property
    def frame(self) -> np.ndarray:
        """(m,): the frame of each vehicle."""
        return np.repeat(np.arange(len(self.count)), self.count)

    @property
    def may_be_requested(self) -> np.ndarray:
        """(m,) bool: whether a model may be asked for the vehicle, by the rule of `geometry.requestable`."""
        return may_be_requested(self.box, self.visible_fraction, self.cut_off)

    @property
    def counted(self) -> np.ndarray:
        """(m,) bool: whether the vehicle counts as crowdedness and should be detected, by the same rule."""
        return counts_as_vehicle(self.box, self.visible_fraction, self.cut_off)


@dataclass(frozen=True, eq=False)
class FrameColumns:
    """What models are conditioned on. `n` frames, `k` = MAX_BOXES; -1 is unknown or padding.

    boxes: (n, k, 4) x0 y0 x1 y1 in 0..1, nearest first, only those large and visible enough to ask for.
    category: (n, k). time_of_day: (n,). crowdedness: (n,) vehicles in view. ego_motion: (n, 2) m/s, rad/s.
    """

    boxes: np.ndarray
    category: np.ndarray
    time_of_day: np.ndarray
    crowdedness: np.ndarray
    ego_motion: np.ndarray

    @classmethod
    def of(cls, vehicles: VehicleColumns, time_of_day: np.ndarray, ego_motion: np.ndarray) -> FrameColumns:
        """From all vehicles, the time of day (n,) of each frame and the ego's motion (n, 2)."""
        n, frame = len(vehicles.count), vehicles.frame
        boxes, category = np.zeros((n, MAX_BOXES, 4), np.float32), np.full((n, MAX_BOXES), -1, np.int8)
        chosen = np.flatnonzero(vehicles.may_be_requested)
        chosen = chosen[np.lexsort((vehicles.distance_m[chosen], frame[chosen]))]
        first = np.searchsorted(frame[chosen], frame[chosen])
        slot = np.arange(len(chosen)) - first
        chosen, slot = chosen[slot < MAX_BOXES], slot[slot < MAX_BOXES]
        boxes[frame[chosen], slot] = vehicles.box[chosen]
        category[frame[chosen], slot] = vehicles.category[chosen]
        crowdedness = np.bincount(frame[vehicles.counted], minlength=n).astype(np.int16)
        return cls(boxes, category, time_of_day.astype(np.int8), crowdedness, ego_motion.astype(np.float32))


def field_names(record: type) -> list[str]:
    """The columns of a record of columns."""
    return [field.name for field in fields(record)]
