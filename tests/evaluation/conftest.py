"""Footage of coloured rectangles, and tiny checkpoints with a vehicle detector."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.evaluation.protocol import Protocol
from drivesim.models.checkpoints import VEHICLE_DETECTOR, build, save_checkpoint, write_manifest
from drivesim.models.presets import tiny

HEIGHT, WIDTH = 64, 128


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight logs of three frames, half of them at night, with one to three vehicles and one too hidden to count."""
    root = tmp_path_factory.mktemp("footage")
    for number in range(8):
        rng = np.random.default_rng(number)
        night = number % 2 == 1
        header = DriveLogLabels("test", 10.0, WIDTH, HEIGHT, time_of_day="night" if night else "day")
        with DriveLogWriter(root / f"log_{number}", header) as writer:
            for index in range(3):
                frame = rng.integers(0, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8) + (0 if night else 120)
                vehicles = []
                for slot in range(1 + number % 3):
                    x0 = 6 + 40 * slot
                    frame[30:50, x0 : x0 + 24] = (220, 40, 40)
                    box = (float(x0), 30.0, float(x0 + 24), 50.0)
                    vehicles.append(VehicleLabel(slot, "car", box, box, 10.0 + slot, 1.0))
                hidden = (0.0, 20.0, 9.0, 26.0)
                vehicles.append(VehicleLabel(9, "bus", hidden, hidden, 40.0, 0.05))
                writer.write(frame, FrameLabel(index / 10, 5.0, 0.0, tuple(vehicles)))
    return root


@pytest.fixture(scope="session")
def checkpoints(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny set with an untrained detector."""
    folder = tmp_path_factory.mktemp("with_detector") / "tiny"
    shutil.copytree(tiny_checkpoints, folder)
    torch.manual_seed(0)
    save_checkpoint(folder / f"{VEHICLE_DETECTOR}.safetensors", build(VEHICLE_DETECTOR, tiny()), VEHICLE_DETECTOR)
    write_manifest(folder, tiny())
    return folder


@pytest.fixture
def protocol() -> Protocol:
    return Protocol("mean", "net", "ab" * 32, 10, 1, None, 64, 128, "none", "0..9", "cd" * 32, "conditioned on boxes")
