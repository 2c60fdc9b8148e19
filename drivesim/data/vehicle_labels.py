"""All labelled vehicles of drive logs in columns, for finding vehicles rather than asking for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.data.drive_log import DriveLog
from drivesim.data.drive_log_labels import VehicleLabel
from drivesim.data.packed import MIN_COUNTED_SIDE, in_view
from drivesim.detection.scores import Truth, longer_side
from drivesim.scenario.vocabulary import CATEGORIES

PADDING = -1


@dataclass(frozen=True, eq=False)
class VehicleLabels:
    """`n` frames, at most `k` vehicles each. `xyxy` (n, k, 4) in 0..1; `category` (n, k), PADDING where there is none.

    `counts` (n, k): large and visible enough that it should be found; the others may be found or not.
    """

    xyxy: np.ndarray
    category: np.ndarray
    counts: np.ndarray

    def truth(self, frame: int) -> Truth:
        """The vehicles of one frame."""
        real = self.category[frame] != PADDING
        return Truth(self.xyxy[frame][real], self.category[frame][real], self.counts[frame][real])


def vehicle_labels(logs: Sequence[DriveLog]) -> VehicleLabels:
    """The vehicles of all frames of the logs, in their order."""
    frames = [(log.labels, label.vehicles) for log in logs for label in log.labels.frames]
    most = max([1, *(len(vehicles) for _, vehicles in frames)])
    xyxy = np.zeros((len(frames), most, 4), np.float32)
    category = np.full((len(frames), most), PADDING, np.int64)
    counts = np.zeros((len(frames), most), bool)
    for index, (header, vehicles) in enumerate(frames):
        for slot, vehicle in enumerate(vehicles):
            xyxy[index, slot] = np.divide(vehicle.box, [header.width, header.height] * 2)
            category[index, slot] = CATEGORIES.index(vehicle.category)
            counts[index, slot] = _should_be_found(vehicle, xyxy[index, slot], header.width)
    return VehicleLabels(xyxy, category, counts)


def _should_be_found(vehicle: VehicleLabel, xyxy: np.ndarray, width: int) -> bool:
    return bool(in_view(vehicle, width) and longer_side(xyxy) >= MIN_COUNTED_SIDE)
