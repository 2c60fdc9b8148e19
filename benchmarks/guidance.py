"""Composes the same held-out scenes under several guidance weights: boxes found against distance to real frames.

python benchmarks/guidance.py logs --checkpoints checkpoints/demo --guidance 1 1.5 2 3 --picture guidance.png
python benchmarks/guidance.py logs --checkpoints checkpoints/demo --guidance 2 4 --autoguidance 1.5 2.5

The image model itself is sampled, not its few-step student, which is never guided.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from composed_and_read import ComposedAndRead
from matplotlib import pyplot as plt

from drivesim.engine import Engine, EngineSettings, fast
from drivesim.errors import InputError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.stages import GUIDE
from drivesim.scenario import Sampling


def main() -> None:
    """Prints a line for each pair of weights, at low resolution, preset `fast`; the picture is the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument(
        "--autoguidance", type=float, nargs="+", default=[1.0], help="Weights of the guide; 1 is no autoguidance."
    )
    parser.add_argument("--rescale", type=float, default=fast().guidance_rescale)
    parser.add_argument("--samples", type=int, default=256, help="Half of them are the reference.")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()

    checkpoints = CheckpointSet.open(options.checkpoints)
    if any(scale != 1 for scale in options.autoguidance) and GUIDE not in checkpoints.roles:
        raise InputError(f"{options.checkpoints}: holds no stage `{GUIDE}`; leave --autoguidance out")
    measured = ComposedAndRead(Engine(checkpoints), options.logs, options.samples)
    print("guidance  autoguidance  found  unasked/frame  kernel distance x1000", flush=True)
    print("real                    {:.3f}  {:.2f}  {:.2f}".format(*measured.real()), flush=True)
    curves: dict[float, list[tuple[float, float, float, float]]] = {}
    for weight, scale, settings in points(options.guidance, options.autoguidance, options.rescale):
        point = (weight, *measured.composed(settings))
        print("{:<9g} {:<13g} {:.3f}  {:.2f}  {:.2f}".format(weight, scale, *point[1:]), flush=True)
        curves.setdefault(scale, []).append(point)
    if options.picture is not None:
        draw(curves, options.picture)


def points(
    weights: Sequence[float], scales: Sequence[float], rescale: float
) -> Iterator[tuple[float, float, EngineSettings]]:
    """Yields each pair of weights of guidance and autoguidance, and the settings that sample the image model by it."""
    for scale in scales:
        for weight in weights:
            settings = replace(fast().with_sampling(Sampling(guidance=weight)), guidance_rescale=rescale)
            auto = settings.autoguidance
            guide = None if auto is None or scale == 1 else replace(auto, scale=scale)
            yield weight, scale, replace(settings, autoguidance=guide)


def draw(curves: dict[float, list[tuple[float, float, float, float]]], path: Path) -> None:
    """Draws found boxes over the kernel distance, with a curve per weight of autoguidance and a point per weight."""
    figure, axis = plt.subplots(figsize=(4.5, 3), layout="constrained")
    for scale, curve in curves.items():
        axis.plot([p[3] for p in curve], [p[1] for p in curve], marker="o", label=f"autoguidance {scale:g}")
        for weight, found, _, distance in curve:
            axis.annotate(f"{weight:g}", (distance, found), textcoords="offset points", xytext=(5, 4))
    if len(curves) > 1:
        axis.legend(fontsize=8)
    axis.set_xlabel("kernel distance to real frames × 1000")
    axis.set_ylabel("boxes found")
    axis.set_title("guidance of the image model", fontsize=10)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
