"""The interface of a detector in measurements: our own vehicle detector, or one that a user brings."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from drivesim.detection.detections import Detections


class Detector(Protocol):
    """Finds vehicles in frames.

    name: its name in figures. threshold: smallest score of a detection that counts. sha256: sha256 of its weights.
    preparation: how frames become its input, in one line.
    """

    @property
    def name(self) -> str: ...

    @property
    def threshold(self) -> float: ...

    @property
    def sha256(self) -> str: ...

    @property
    def preparation(self) -> str: ...

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """The vehicles in each of frames uint8 `t h w 3` RGB, of any size."""
