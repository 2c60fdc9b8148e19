"""Futures against what really happened: what is compared with what, and starts that lie in the footage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import HELD_OUT_MARK, DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.engine import Engine, fast
from drivesim.errors import FootageError
from drivesim.evaluation.futures import (
    Compared,
    FuturesTask,
    compared_futures,
    futures_figures,
    futures_sheet,
    spread_starts,
)


class Means:
    """A network whose features are the mean colours."""

    name, sha256, resize = "means", "0" * 64, "none"

    def __call__(self, pictures):
        return pictures.mean((2, 3))


@pytest.fixture(scope="module")
def engine(tiny_checkpoints: Path) -> Engine:
    return Engine.load(tiny_checkpoints)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Drive logs of 3, 1 and 2 seconds, the last one not held out."""
    for name, frames in ((f"{HELD_OUT_MARK}a~000", 30), (f"{HELD_OUT_MARK}b~000", 10), ("drive~000", 20)):
        with DriveLogWriter(tmp_path / name, DriveLogLabels("test", 10.0, 256, 128, time_of_day="day")) as writer:
            for number in range(frames):
                frame = np.full((128, 256, 3), 5 * number + 20, np.uint8)
                writer.write(frame, FrameLabel(number / 10, None, None, None))
    return tmp_path


def test_starts_leave_room_for_the_future(logs: Path) -> None:
    starts = spread_starts(logs, "held_out", 8, 0.8)
    assert {path.name for path, _ in starts} == {f"{HELD_OUT_MARK}a~000", f"{HELD_OUT_MARK}b~000"}
    assert len(starts) >= 6
    for path, time_s in starts:
        assert 0 <= time_s <= (2.9 if path.name.startswith(f"{HELD_OUT_MARK}a") else 0.9) - 0.8 + 1e-9
    assert {path.name for path, _ in spread_starts(logs, "all", 8, 1.5)} == {f"{HELD_OUT_MARK}a~000", "drive~000"}
    with pytest.raises(FootageError, match="lasts 5 s"):
        spread_starts(logs, "held_out", 8, 5.0)


def test_real_frames_are_those_of_the_same_time(engine: Engine, logs: Path) -> None:
    gap = round(10 / engine.video.keyframe_fps)
    task = FuturesTask(num_futures=2, num_keyframes=3, context_frames=1, seed=4)
    (item,) = compared_futures(engine, [(logs / f"{HELD_OUT_MARK}a~000", 0.5)], task, fast(), lambda *_: None)
    assert item.futures.shape == (2, 2, *item.known.shape)
    greys = [int(frame.mean()) for frame in (item.known, *item.real)]
    assert greys == pytest.approx([5 * (5 + gap * i) + 20 for i in range(3)], abs=2)
    assert not np.array_equal(item.futures[0], item.futures[1])


def test_long_horizons_go_through_several_windows(engine: Engine, logs: Path) -> None:
    """A longer future begins with the shorter one."""
    start = [(logs / f"{HELD_OUT_MARK}a~000", 0.0)]
    window = engine.video.keyframes_per_window
    long = FuturesTask(1, min(window + 2, int(2.9 * engine.video.keyframe_fps) + 1), 1)
    short = FuturesTask(1, 3, 1)
    (whole,) = compared_futures(engine, start, long, fast(), lambda *_: None)
    (part,) = compared_futures(engine, start, short, fast(), lambda *_: None)
    assert len(whole.real) == long.num_keyframes - 1
    assert np.array_equal(whole.futures[:, :2], part.futures)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 64, 128, 3), np.uint8)


def test_the_best_future_counts() -> None:
    """One of three futures is what happened: its distance is 0, the mean is not, and a held frame is in between."""
    compared = []
    for number in range(3):
        real = noise(number, 4)
        futures = np.stack([noise(100 + number, 4), real, noise(200 + number, 4)])
        compared.append(Compared(f"s{number}", real[0], real, futures, real))
    task = FuturesTask(3, 5)
    figures = {(f.name, f.group): f for f in futures_figures(compared, task, 2.5, Means(), "cpu")}
    assert figures["best_of_k", "futures"].value == pytest.approx(0, abs=1e-6)
    assert figures["mean_of_k", "futures"].value > 0.02
    assert figures["perceptual", "reconstructed"].value == pytest.approx(0, abs=1e-6)
    assert figures["perceptual", "held after 0.4 s"].value == pytest.approx(0, abs=1e-6)
    assert figures["perceptual", "held after 1.6 s"].value > 0.02
    assert figures["frechet_distance", "reconstructed"].value == pytest.approx(0, abs=1e-6)
    assert figures["frechet_distance", "futures"].count == 36
    assert futures_sheet(compared).shape == (9 * 128, 5 * 256, 3)
