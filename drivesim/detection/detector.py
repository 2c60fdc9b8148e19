"""The interface of a detector that is measured: the vehicle detector of drivesim, or one that a user brings."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from drivesim.detection.detections import Detections


class Detector(Protocol):
    """Finds vehicles in frames."""

    @property
    def name(self) -> str:
        """Its name in figures."""
        ...

    @property
    def threshold(self) -> float:
        """The smallest score of a detection that counts."""
        ...

    @property
    def sha256(self) -> str:
        """The sha256 of its weights."""
        ...

    @property
    def preparation(self) -> str:
        """How frames become its input, in one line."""
        ...

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Returns the vehicles in each of the frames uint8 `t h w 3`, RGB, of any size."""
        ...
