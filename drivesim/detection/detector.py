"""What a detector is to those who measure with it: our own vehicle detector, or one that a user brings."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from drivesim.detection.detections import Detections


class Detector(Protocol):
    """Finds vehicles in frames.

    name: in figures. threshold: score from which a detection counts. sha256: of its weights. preparation: how frames
    become its input, in one line.
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
