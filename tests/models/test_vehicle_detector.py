"""The vehicle detector's shapes, its detections of a known output, and its place among the checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import ROLES, VEHICLE_DETECTOR, CheckpointSet, build, save_checkpoint, write_manifest
from drivesim.models.presets import Preset, demo, tiny
from drivesim.models.vehicle_detector import VehicleDetector, VehicleDetectorOutput, detect_vehicles


@pytest.fixture
def detector(preset: Preset) -> VehicleDetector:
    return VehicleDetector(preset.vehicle_detector).eval()


def test_the_default_has_about_a_million_parameters() -> None:
    assert 0.8e6 < sum(p.numel() for p in VehicleDetector(demo().vehicle_detector).parameters()) < 1.3e6


def test_the_output_is_a_grid_of_cells(detector: VehicleDetector) -> None:
    output = detector(torch.zeros(2, 3, 64, 128))
    assert output.centres.shape == (2, 4, 16, 32)
    assert output.xyxy.shape == (2, 16, 32, 4)
    assert (output.xyxy[..., 2:] > output.xyxy[..., :2]).all()


def test_an_untrained_detector_finds_nothing(detector: VehicleDetector) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 64, 128, 3)).astype(np.uint8)
    assert [len(found) for found in detect_vehicles(detector, frames)] == [0, 0, 0]


def test_peaks_become_boxes_of_the_picture(detector: VehicleDetector) -> None:
    centres, xyxy = torch.full((1, 4, 16, 32), -9.0), torch.zeros(1, 16, 32, 4)
    centres[0, 2, 8, 10], centres[0, 2, 8, 11] = 4.0, 3.0  # a vehicle, and the cell beside its centre
    centres[0, 1, 3, 30] = 1.0
    xyxy[0, 8, 10] = torch.tensor([8.0, 4.0, 16.0, 12.0])
    xyxy[0, 3, 30] = torch.tensor([28.0, 0.0, 40.0, 8.0])
    (found,) = detector.detections(VehicleDetectorOutput(centres, xyxy), 0.3)
    assert found.category.tolist() == [2, 1]
    assert found.xyxy[0].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.75])
    assert found.xyxy[1].tolist() == pytest.approx([0.875, 0.0, 1.0, 0.5])
    assert found.score.tolist() == pytest.approx([torch.tensor(v).sigmoid().item() for v in (4.0, 1.0)])


@pytest.mark.parametrize("size", [(32, 64), (64, 128), (128, 256), (256, 512)])
def test_pictures_of_any_size_are_fitted(detector: VehicleDetector, size: tuple[int, int]) -> None:
    fitted = detector.fitted(torch.full((1, 3, *size), 0.25))
    assert fitted.shape == (1, 3, 64, 128)
    assert torch.allclose(fitted, torch.tensor(0.25), atol=1e-5)


def test_frames_are_read_alike_alone_and_in_a_batch(detector: VehicleDetector) -> None:
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
    frames = np.random.default_rng(1).integers(0, 255, (3, 64, 128, 3)).astype(np.uint8)
    together = detect_vehicles(detector, frames, min_score=0.2)
    alone = [detect_vehicles(detector, frame[None], min_score=0.2)[0] for frame in frames]
    assert any(len(found) for found in together)
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one.xyxy, other.xyxy, atol=1e-4)
        assert np.array_equal(one.category, other.category)


def test_a_set_is_whole_without_a_detector(tiny_checkpoints: Path) -> None:
    checkpoints = CheckpointSet.open(tiny_checkpoints)
    checkpoints.verify_all()
    assert VEHICLE_DETECTOR not in checkpoints.roles
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        checkpoints.load(VEHICLE_DETECTOR)


def test_a_recorded_detector_must_be_there_and_undamaged(tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    module = build(VEHICLE_DETECTOR, tiny())
    save_checkpoint(folder / "vehicle_detector.safetensors", module, VEHICLE_DETECTOR)
    checkpoints = write_manifest(folder, tiny())
    assert set(checkpoints.sha256) == {*ROLES, VEHICLE_DETECTOR}
    checkpoints.verify_all()
    loaded = checkpoints.load(VEHICLE_DETECTOR)
    assert loaded.config == module.config
    assert float(loaded.threshold) == pytest.approx(0.3, abs=1e-3)
    (folder / "vehicle_detector.safetensors").unlink()
    with pytest.raises(CheckpointError, match="vehicle_detector"):
        checkpoints.verify_all()


def test_a_manifest_from_before_the_detector_still_opens(tiny_checkpoints: Path, tmp_path: Path) -> None:
    content = json.loads((tiny_checkpoints / "manifest.json").read_text())
    del content["preset"]["vehicle_detector"]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert CheckpointSet.open(tmp_path).preset.image == tiny().image
