"""Draws first frames conditioned on a time of day and a number of vehicles, but not on boxes: one row per number.

python benchmarks/crowdedness_sheet.py crowdedness.png --checkpoints checkpoints/demo --crowdedness 0 3 7 12 --seeds 4
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from drivesim.engine import Engine
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.conditioning import Conditioning
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY

_SHOWN = (256, 128)


def main() -> None:
    """Preset `fast`; seeds 0, 1, ... from left to right, by day and night in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--crowdedness", type=int, nargs="+", default=[0, 3, 7, 12])
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()

    engine = Engine(CheckpointSet.open(options.checkpoints))
    time_of_day = torch.arange(options.seeds) % len(TIMES_OF_DAY)
    rows = []
    for number in options.crowdedness:
        told = Conditioning(time_of_day=time_of_day, crowdedness=torch.full_like(time_of_day, number))
        frames = engine.compose_many(told, range(options.seeds))
        rows.append(np.hstack([cv2.resize(frame, _SHOWN, interpolation=cv2.INTER_AREA) for frame in frames]))
    cv2.imwrite(str(options.picture), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
