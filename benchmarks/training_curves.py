"""Draws the training curves of a checkpoint folder: one panel a stage, its first figure and the held-out ones.

python benchmarks/training_curves.py checkpoints/mine docs/pictures/training_curves.png
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from drivesim.models.stages import STAGES, training_folder

_HIDDEN = ("network_gradient_norm", "discriminator_gradient_norm", "discriminator", "adversarial", "perceptual", "l1")


def curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """(minutes, value) of each figure in a `metrics.csv`."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["figure"] not in _HIDDEN:
                found[row["figure"]].append((float(row["elapsed_s"]) / 60, float(row["value"])))
    perceptual = {name: points for name, points in found.items() if "perceptual" in name}
    return perceptual or found  # what the upsampler is judged by has a scale of its own


def main(folder: Path, picture: Path) -> None:
    """One panel per stage."""
    paths = {role: training_folder(folder, role) / "metrics.csv" for role in STAGES}
    logs = {role: path for role, path in paths.items() if path.is_file()}
    figure, axes = plt.subplots(1, len(logs), figsize=(3.2 * len(logs), 2.6), squeeze=False, layout="constrained")
    for axis, (role, path) in zip(axes[0], logs.items(), strict=True):
        for name, points in curves(path).items():
            minutes, values = zip(*points, strict=True)
            axis.plot(minutes, values, label=name, marker="o" if name.startswith("held_out") else None, linewidth=1)
        axis.set_title(role, fontsize=9)
        axis.set_xlabel("minutes", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
