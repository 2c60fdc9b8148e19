"""The PSNR inside vehicles: what lies outside has no part in it, and it is that of the training of the autoencoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.clips import FootageTensors
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.reconstruction import vehicle_psnr_figure
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage
from drivesim.models.pixels import to_unit_range
from drivesim.training.losses.crops import inside_vehicles
from drivesim.training.losses.reconstruction import psnr_inside_db

HEIGHT, WIDTH = 64, 128


@pytest.fixture(scope="module")
def footage(logs: Path) -> MeasuredFootage:
    return measured_footage(logs, HEIGHT, WIDTH, 24, "all", 0, lambda *_: None)


def inside(footage: MeasuredFootage) -> np.ndarray:
    """Which pixels of each frame lie inside a vehicle, `n h w 1`."""
    tensors, index = FootageTensors(footage.footage, "cpu"), torch.from_numpy(footage.index)
    return inside_vehicles(tensors.boxes[index], tensors.category[index], HEIGHT, WIDTH).numpy()[:, 0, ..., None]


def test_an_error_inside_the_vehicles_gives_its_psnr_whatever_lies_outside(
    footage: MeasuredFootage, protocol: Protocol
) -> None:
    real, vehicles = footage.frames.astype(int), inside(footage)
    assert 0 < vehicles.mean() < 0.5
    made = np.where(vehicles, np.where(real < 128, real + 10, real - 10), 255 - real).astype(np.uint8)
    figure = vehicle_psnr_figure("made", footage, made, protocol)
    assert [figure.value, figure.low, figure.high] == pytest.approx([20 * np.log10(25.5)] * 3)
    assert figure.count == len(footage)
    perfect = np.where(vehicles, real, 0).astype(np.uint8)
    assert vehicle_psnr_figure("made", footage, perfect, protocol).value == pytest.approx(100)


def test_it_is_the_figure_of_the_training(footage: MeasuredFootage, protocol: Protocol) -> None:
    noise = np.random.default_rng(0).normal(scale=20, size=footage.frames.shape)
    made = np.clip(footage.frames + noise * (1 + np.arange(len(footage))[:, None, None, None]) / 5, 0, 255)
    figure = vehicle_psnr_figure("made", footage, made.astype(np.uint8), protocol)
    real, other = (to_unit_range(torch.from_numpy(frames)) for frames in (footage.frames, made.astype(np.uint8)))
    mask = torch.from_numpy(inside(footage)).permute(0, 3, 1, 2)
    assert figure.value == pytest.approx(psnr_inside_db(real, other, mask), abs=1e-4)
    assert figure.low < figure.value < figure.high


def test_frames_without_a_vehicle_do_not_count(tmp_path: Path, protocol: Protocol) -> None:
    box = (20.0, 20.0, 60.0, 50.0)
    for name, vehicles in (("with", (VehicleLabel(0, "car", box, box, 9.0, 1.0),)), ("without", ())):
        with DriveLogWriter(tmp_path / name, DriveLogLabels("test", 10.0, WIDTH, HEIGHT)) as writer:
            writer.write(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), FrameLabel(0.0, 5.0, 0.0, vehicles))
    both = measured_footage(tmp_path, HEIGHT, WIDTH, 2, "all", 0, lambda *_: None)
    made = both.frames + np.where(inside(both), 10, 90).astype(np.uint8)
    figure = vehicle_psnr_figure("made", both, made, protocol)
    assert figure.count == 1
    assert [figure.value, figure.low, figure.high] == pytest.approx([20 * np.log10(25.5)] * 3)
    without = replace(both, index=both.index[both.crowdedness == 0])
    figure = vehicle_psnr_figure("made", without, without.frames, protocol)
    assert (figure.value, figure.low, figure.high, figure.count) == (None, None, None, 0)
