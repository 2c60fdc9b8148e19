"""Videos of moving patches, and recorded ones that are long enough for a distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import HELD_OUT_MARK, DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.evaluation.video.sources.videos import Video


def texture(seed: int, height: int = 96, width: int = 192) -> np.ndarray:
    """Smooth noise, uint8 `h w 3`, that optical flow can follow."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 6, width // 6, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((6, 6, 1), np.uint8))


def panned(seed: int, num_frames: int, speed_px: int = 2) -> np.ndarray:
    """A camera that turns: frames uint8 `t 64 128 3` cut from a texture, `speed_px` further to the right each."""
    wide = texture(seed, 72, 132 + speed_px * num_frames // 6 * 6 + 12)
    return np.stack([wide[4:68, speed_px * t : speed_px * t + 128] for t in range(num_frames)])


@pytest.fixture
def pan():
    return panned


@pytest.fixture
def video_of():
    """Makes a video of frames uint8 `t h w 3`."""

    def make(frames: np.ndarray, scene: str = "a", future: int = 0, fps: float = 10.0) -> Video:
        return Video(scene, future, fps, frames)

    return make


@pytest.fixture(scope="session")
def recorded_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six held-out drive logs of 16 frames of 64x128 at 10 frames per second."""
    root = tmp_path_factory.mktemp("recorded")
    for number in range(6):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="day" if number % 2 else "night")
        with DriveLogWriter(root / f"{HELD_OUT_MARK}{number}~000", header) as writer:
            for index, frame in enumerate(panned(number, 16)):
                writer.write(frame, FrameLabel(index / 10, 5.0, 0.0, ()))
    return root
