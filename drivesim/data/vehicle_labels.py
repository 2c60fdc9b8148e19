"""All labelled vehicles of packed footage by frame, for training and measuring the vehicle detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.data.packed import PackedFootage
from drivesim.detection.scores import Truth

PADDING = -1


@dataclass(frozen=True, eq=False)
class VehicleLabels:
    """The vehicles of `n` frames, at most `k` in each.

    Attributes:
        xyxy: Boxes in 0..1, `n k 4`.
        category: Categories, or `PADDING` where there is no vehicle, `n k`.
        counts: Whether a vehicle is large and visible enough that it should be detected, `n k`; the others may be
            detected or not.
    """

    xyxy: np.ndarray
    category: np.ndarray
    counts: np.ndarray

    def truth(self, frame: int) -> Truth:
        """Returns the vehicles of one frame."""
        real = self.category[frame] != PADDING
        return Truth(self.xyxy[frame][real], self.category[frame][real], self.counts[frame][real])


def vehicle_labels(footage: PackedFootage) -> VehicleLabels:
    """Returns the vehicles of all frames of packed footage, in the order of its frames."""
    vehicles, frame = footage.vehicles, footage.vehicles.frame
    shape = (len(vehicles.count), max(1, int(vehicles.count.max(initial=0))))
    slot = np.arange(len(frame)) - np.searchsorted(frame, frame)
    xyxy, category = np.zeros((*shape, 4), np.float32), np.full(shape, PADDING, np.int64)
    counts = np.zeros(shape, bool)
    xyxy[frame, slot] = vehicles.box
    category[frame, slot] = vehicles.category
    counts[frame, slot] = vehicles.counted
    return VehicleLabels(xyxy, category, counts)
