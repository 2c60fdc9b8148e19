"""Worlds that are quick to render: a still picture and one vehicle, all from the seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.world.recording import log_session as record_session
from drivesim.world.recording import packed_session, recorder
from drivesim.world.recording.recorder import Recipe


def _drive(seed: int, recipe: Recipe, renderer: object) -> tuple[DriveLogLabels, Iterator[tuple]]:
    header = DriveLogLabels(
        source="world", fps=recipe.fps, width=recipe.width, height=recipe.height, seed=seed, time_of_day="day"
    )

    def frames() -> Iterator[tuple[np.ndarray, FrameLabel]]:
        rng = np.random.default_rng(seed)
        for index in range(recipe.num_frames):
            box = (0.0, 0.0, recipe.width / 2, recipe.height / 2)
            vehicle = VehicleLabel(seed, "van", box, box, 9.0, 1.0)
            frame = np.repeat(rng.integers(0, 255, (recipe.height, recipe.width, 1), np.uint8), 3, 2)
            yield frame, FrameLabel(index / recipe.fps, 3.0, 0.0, (vehicle,))

    return header, frames()


@pytest.fixture
def quick_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces renderer and worlds in this process and in those that it forks."""
    for module in (recorder, packed_session):
        monkeypatch.setattr(module, "drive", _drive)
    for module in (record_session, packed_session):
        monkeypatch.setattr(module, "Renderer", lambda *size: None)
