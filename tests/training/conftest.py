"""Drive logs of moving rectangles, small enough to train every stage of the tiny preset on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLogWriter, split_of
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel

HEIGHT, WIDTH = 128, 256


def _log(folder: Path, number: int, fps: float, num_frames: int) -> None:
    rng = np.random.default_rng(number)
    night = bool(number % 2)
    background = rng.integers(10, 40, 3) if night else rng.integers(120, 220, 3)
    colour, left, speed = rng.integers(0, 255, 3), rng.integers(0, 120), rng.integers(1, 6)
    header = DriveLogLabels(source="test", fps=fps, width=WIDTH, height=HEIGHT, time_of_day="night" if night else "day")
    with DriveLogWriter(folder, header) as writer:
        for index in range(num_frames):
            frame = np.tile(background.astype(np.uint8), (HEIGHT, WIDTH, 1))
            x0 = int(left + index * speed) % 200
            frame[60:100, x0 : x0 + 50] = colour
            box = (float(x0), 60.0, float(x0 + 50), 100.0)
            vehicle = VehicleLabel(1, "car", box, box, 15.0, 1.0)
            writer.write(frame, FrameLabel(index / fps, float(speed), 0.0, (vehicle,)))


def _names(count: int) -> list[str]:
    """Names of which some are held out."""
    train = [name for i in range(1000) if split_of(name := f"log_{i:04d}") == "train"][: count - 2]
    held_out = [name for i in range(1000) if split_of(name := f"log_{i:04d}") == "held_out"][:2]
    return train + held_out


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs at 10 and at 40 frames a second."""
    root = tmp_path_factory.mktemp("logs")
    for number, name in enumerate(_names(6)):
        _log(root / "clips" / name, number, 10.0, 32)
        _log(root / "fast" / name, number + 100, 40.0, 8)
    return root
