"""What the benchmarks of the image stage measure: composed frames against their conditions and against real frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from drivesim.detection.adherence import FOUND, adherence
from drivesim.distances import KernelDistance
from drivesim.engine import Engine, EngineSettings
from drivesim.engine.conditions import conditioned_layouts
from drivesim.evaluation.metrics.features import EfficientNetLite0, features_of
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames
from drivesim.evaluation.samples.footage import measured_footage
from drivesim.models.vehicle_detector import detect_vehicles

_TOLD = ("boxes", "time_of_day")


class ComposedAndRead:
    """Measures held-out scenes at low resolution: boxes found, unasked vehicles a frame, kernel distance × 1000.

    `samples`: frames of the logs, half of which are the reference of the distance.
    """

    def __init__(self, engine: Engine, logs: Path, samples: int) -> None:
        self.engine = engine
        size = (engine.video.low_height, engine.video.low_width)
        footage = measured_footage(logs, *size, samples, "held_out", 0, lambda *_: None)
        reference, self.asked = footage.half(0), footage.half(1)
        self.network = EfficientNetLite0("cpu")
        self.known = features_of(self.network, reference.frames, "cpu")
        self.conditions = self.asked.conditions(_TOLD)
        self.layouts = conditioned_layouts(self.conditions)

    def real(self) -> tuple[float, float, float]:
        """What the vehicle detector and the distance say of the real frames."""
        return self._measured(self.asked.frames)

    def composed(self, settings: EngineSettings) -> tuple[float, float, float]:
        """The same of frames composed from their boxes and times of day."""
        sampling = FrameSampling(settings, enlarge=False)
        return self._measured(composed_frames(self.engine, self.conditions, len(self.asked), sampling, lambda *_: None))

    def _measured(self, frames: np.ndarray) -> tuple[float, float, float]:
        found = detect_vehicles(self.engine.networks.vehicle_detector, frames)
        results = [adherence(layout, detections) for layout, detections in zip(self.layouts, found, strict=True)]
        rate = sum(r.outcome.count(FOUND) for r in results) / max(1, sum(map(len, self.layouts)))
        unasked = float(np.mean([r.unasked.sum() for r in results]))
        return rate, unasked, 1000 * KernelDistance(self.known, features_of(self.network, frames, "cpu"))()
