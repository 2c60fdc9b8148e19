"""Labels in columns: all vehicles of many frames as they were labelled, and the conditioning derived from them.

`VehicleColumns` stores facts and no rule, so shards of packed footage stay valid if a rule changes. `FrameColumns` is
derived from it by the current rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from drivesim.data.drive_log_labels import FrameLabel
from drivesim.geometry.requestable import counts_as_vehicle, is_cut_off, may_be_requested
from drivesim.scenario.schema.vocabulary import CATEGORIES, COLOURS

MAX_BOXES = 24
NOT_LABELLED = -1
_BEYOND_ALL_M = 1e6


@dataclass(frozen=True, eq=False)
class VehicleColumns:
    """All labelled vehicles of `n` frames, `m` in all, frame by frame.

    Attributes:
        count: Number of vehicles of each frame, `NOT_LABELLED` if it was not searched for vehicles, int32 `n`.
        box: Edges x0 y0 x1 y1 of the visible part in 0..1, float32 `m 4`.
        category: Position in `CATEGORIES`, int8 `m`.
        track_id: Number of the vehicle in its log, int64 `m`.
        distance_m: Distance from the camera, NaN if it is unknown, float64 `m`.
        visible_fraction: Visible fraction of the vehicle, NaN if it is unknown, float64 `m`.
        cut_off: Whether the left or right border of the frame cuts the vehicle off, bool `m`.
        heading_rad: Heading relative to the line of sight, positive to the left, NaN if unknown, float32 `m`.
        colour: Position in `COLOURS`, -1 if unknown, int8 `m`.
    """

    count: np.ndarray
    box: np.ndarray
    category: np.ndarray
    track_id: np.ndarray
    distance_m: np.ndarray
    visible_fraction: np.ndarray
    cut_off: np.ndarray
    heading_rad: np.ndarray
    colour: np.ndarray

    @classmethod
    def of(cls, labels: Sequence[FrameLabel], width: int, height: int) -> VehicleColumns:
        """Returns the vehicles of labelled frames of `width` × `height` pixels."""
        vehicles = [vehicle for label in labels for vehicle in label.vehicles or ()]
        pixels = np.array([vehicle.box for vehicle in vehicles], np.float32).reshape(-1, 4)
        return cls(
            count=np.array([NOT_LABELLED if f.vehicles is None else len(f.vehicles) for f in labels], np.int32),
            box=pixels / np.array([width, height] * 2, np.float32),
            category=np.array([CATEGORIES.index(vehicle.category) for vehicle in vehicles], np.int8),
            track_id=np.array([vehicle.track_id for vehicle in vehicles], np.int64),
            distance_m=np.array([vehicle.distance_m for vehicle in vehicles], np.float64),
            visible_fraction=np.array([vehicle.visible_fraction for vehicle in vehicles], np.float64),
            cut_off=is_cut_off(pixels[:, 0], pixels[:, 2], width),
            heading_rad=np.array([np.nan if v.heading_rad is None else v.heading_rad for v in vehicles], np.float32),
            colour=np.array([-1 if v.colour is None else COLOURS.index(v.colour) for v in vehicles], np.int8),
        )

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> VehicleColumns:
        """Returns columns from arrays by name; headings and colours that are not among them are unknown."""
        num_vehicles = len(arrays["box"])
        unknown: dict[str, np.ndarray] = {
            "heading_rad": np.full(num_vehicles, np.nan, np.float32),
            "colour": np.full(num_vehicles, -1, np.int8),
        }
        return cls(**{**unknown, **arrays})

    @classmethod
    def joined(cls, parts: Sequence[VehicleColumns]) -> VehicleColumns:
        """Returns the vehicles of several parts, one after the other."""
        parts = [cls.of((), 1, 1), *parts]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in field_names(cls)})

    @property
    def frame(self) -> np.ndarray:
        """The frame of each vehicle, `m`."""
        return np.repeat(np.arange(len(self.count)), np.maximum(self.count, 0))

    @property
    def may_be_requested(self) -> np.ndarray:
        """Whether a model may be asked for each vehicle, by the rule of `geometry.requestable`: bool `m`."""
        return may_be_requested(self.box, self.visible_fraction, self.cut_off)

    @property
    def counted(self) -> np.ndarray:
        """Whether each vehicle counts as crowdedness and should be detected, by the same rule: bool `m`."""
        return counts_as_vehicle(self.box, self.visible_fraction, self.cut_off)

    @property
    def nearness(self) -> np.ndarray:
        """A number to sort vehicles by, nearest first, `m`: the distance, or else how high the box ends."""
        return np.where(np.isnan(self.distance_m), _BEYOND_ALL_M - self.box[:, 3], self.distance_m)


@dataclass(frozen=True, eq=False)
class FrameColumns:
    """What models are conditioned on in `n` frames with `k` = `MAX_BOXES` boxes each; -1 means unknown or padding.

    Attributes:
        boxes: Edges x0 y0 x1 y1 in 0..1 of the vehicles that may be requested, nearest first, `n k 4`.
        category: Category of each box, `n k`.
        heading_rad: Heading of each box relative to the line of sight, positive to the left, `n k`; NaN if unknown.
        colour: Position in `COLOURS` of each box, `n k`.
        time_of_day: Position in `TIMES_OF_DAY`, `n`.
        crowdedness: Number of vehicles in view, `n`. If it is unknown, so are the boxes.
        ego_motion: Speed in m/s and yaw rate in rad/s, `n 2`, both NaN if either is unknown.
    """

    boxes: np.ndarray
    category: np.ndarray
    heading_rad: np.ndarray
    colour: np.ndarray
    time_of_day: np.ndarray
    crowdedness: np.ndarray
    ego_motion: np.ndarray

    @classmethod
    def of(cls, vehicles: VehicleColumns, time_of_day: np.ndarray, ego_motion: np.ndarray) -> FrameColumns:
        """Derives the columns from all vehicles, the time of day `n` and the ego motion `n 2` of each frame."""
        n, frame = len(vehicles.count), vehicles.frame
        boxes, category = np.zeros((n, MAX_BOXES, 4), np.float32), np.full((n, MAX_BOXES), -1, np.int8)
        heading, colour = np.full((n, MAX_BOXES), np.nan, np.float32), np.full((n, MAX_BOXES), -1, np.int8)
        chosen = np.flatnonzero(vehicles.may_be_requested)
        chosen = chosen[np.lexsort((vehicles.nearness[chosen], frame[chosen]))]
        first = np.searchsorted(frame[chosen], frame[chosen])
        slot = np.arange(len(chosen)) - first
        chosen, slot = chosen[slot < MAX_BOXES], slot[slot < MAX_BOXES]
        boxes[frame[chosen], slot] = vehicles.box[chosen]
        category[frame[chosen], slot] = vehicles.category[chosen]
        heading[frame[chosen], slot] = vehicles.heading_rad[chosen]
        colour[frame[chosen], slot] = vehicles.colour[chosen]
        counts = np.bincount(frame[vehicles.counted], minlength=n)
        crowdedness = np.where(vehicles.count == NOT_LABELLED, -1, counts).astype(np.int16)
        return cls(
            boxes=boxes,
            category=category,
            heading_rad=heading,
            colour=colour,
            time_of_day=time_of_day.astype(np.int8),
            crowdedness=crowdedness,
            ego_motion=ego_motion.astype(np.float32),
        )


def field_names(record: type) -> list[str]:
    """Returns the names of the columns of `VehicleColumns`, `FrameColumns` or `LogColumns`."""
    return [field.name for field in fields(record)]
