"""Composes the same held-out scenes under several guidance weights: boxes found against distance to real frames.

python benchmarks/guidance.py logs --checkpoints checkpoints/demo --guidance 1 1.5 2 3 --picture guidance.png
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from composed_and_read import ComposedAndRead
from matplotlib import pyplot as plt

from drivesim.engine import Engine, fast
from drivesim.models.checkpoints import CheckpointSet


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
