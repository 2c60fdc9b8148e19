"""Small drive logs with known vehicles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel

WriteLog = Callable[..., Path]


@pytest.fixture(scope="session")
def write_log() -> WriteLog:
    """Writes a drive log of grey frames, 10 grey values brighter from frame to frame."""

    def write(
        root: Path,
        name: str,
        fps: float = 10.0,
        num_frames: int = 2,
        vehicles: tuple[VehicleLabel, ...] = (),
        brightness: int = 0,
    ) -> Path:
        header = DriveLogLabels(source="test", fps=fps, width=128, height=64, time_of_day="night")
        with DriveLogWriter(root / name, header) as writer:
            for i in range(num_frames):
                grey = np.full((64, 128, 3), 10 * i + brightness, np.uint8)
                writer.write(grey, FrameLabel(i / fps, 5.0 + i, 0.1, vehicles))
        return root / name

    return write
