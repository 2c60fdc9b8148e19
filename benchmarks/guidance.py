"""Composes the same held-out scenes under several guidance weights: boxes found against distance to real frames.

python benchmarks/guidance.py logs --checkpoints checkpoints/demo --guidance 1 1.5 2 3 --picture guidance.png
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from drivesim.engine import Engine, EngineSettings, fast
from drivesim.engine.adherence import FOUND, adherence
from drivesim.evaluation.composed import Sampling, composed_frames, requested_layouts
from drivesim.evaluation.distances import KernelDistance
from drivesim.evaluation.features import EfficientNetLite0, features_of
from drivesim.evaluation.footage import measured_footage
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.reader import read_vehicles

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
        self.layouts = requested_layouts(self.conditions)

    def real(self) -> tuple[float, float, float]:
        """What the reader and the distance say of the real frames."""
        return self._measured(self.asked.frames)

    def composed(self, settings: EngineSettings) -> tuple[float, float, float]:
        """The same of frames composed from their boxes and times of day."""
        sampling = Sampling(settings, enlarge=False)
        return self._measured(
            composed_frames(self.engine, self.conditions, len(self.asked), sampling, lambda *_: None)
        )

    def _measured(self, frames: np.ndarray) -> tuple[float, float, float]:
        found = read_vehicles(self.engine.networks.reader, frames)
        results = [adherence(layout, detections) for layout, detections in zip(self.layouts, found, strict=True)]
        rate = sum(r.outcome.count(FOUND) for r in results) / max(1, sum(map(len, self.layouts)))
        unasked = float(np.mean([r.unasked.sum() for r in results]))
        return rate, unasked, 1000 * KernelDistance(self.known, features_of(self.network, frames, "cpu"))()


def main() -> None:
    """A line for each weight, at low resolution, preset `fast`; the picture is the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--rescale", type=float, default=fast().guidance_rescale)
    parser.add_argument("--samples", type=int, default=256, help="Half of them are the reference.")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()

    measured = ComposedAndRead(Engine(CheckpointSet.open(options.checkpoints)), options.logs, options.samples)
    print("guidance  found  unasked/frame  kernel distance x1000", flush=True)
    print("real      {:.3f}  {:.2f}  {:.2f}".format(*measured.real()), flush=True)
    points = []
    for weight in options.guidance:
        settings = replace(fast(), image_guidance=weight, guidance_rescale=options.rescale)
        points.append((weight, *measured.composed(settings)))
        print("{:<9g} {:.3f}  {:.2f}  {:.2f}".format(*points[-1]), flush=True)
    if options.picture is not None:
        draw(points, options.picture)


def draw(points: list[tuple[float, float, float, float]], path: Path) -> None:
    """Found boxes over the kernel distance, a point a weight."""
    figure, axis = plt.subplots(figsize=(4.5, 3), layout="constrained")
    axis.plot([p[3] for p in points], [p[1] for p in points], marker="o")
    for weight, found, _, distance in points:
        axis.annotate(f"{weight:g}", (distance, found), textcoords="offset points", xytext=(5, 4))
    axis.set_xlabel("kernel distance to real frames × 1000")
    axis.set_ylabel("boxes found")
    axis.set_title("guidance of the image model", fontsize=10)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
