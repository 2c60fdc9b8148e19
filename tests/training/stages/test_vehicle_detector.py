"""The vehicle detector learns, its targets are what the labels say, and augmentation keeps boxes on their vehicles."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.vehicle_labels import PADDING
from drivesim.geometry.boxes import iou_matrix
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.presets import tiny
from drivesim.models.vehicle_detector import VehicleDetector, VehicleDetectorOutput, detect_vehicles
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.losses.vehicles import VehicleBoxes, detection_loss, detection_targets, generalised_iou
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.vehicle_augmentation import Augmentation, AugmentationConfig, cropped, flipped, shrunk


def _labels(*rows: tuple[tuple[float, ...], int, bool]) -> VehicleBoxes:
    xyxy, category, counts = zip(*rows, strict=True)
    return VehicleBoxes(torch.tensor([xyxy]), torch.tensor([category]), torch.tensor([counts]))


def test_a_detector_learns_a_toy_set_by_heart() -> None:
    torch.manual_seed(0)
    detector = VehicleDetector(tiny().vehicle_detector)
    frames = np.full((3, 64, 128, 3), 90, np.uint8)
    boxes = np.array([[0.125, 0.25, 0.375, 0.75], [0.5, 0.375, 0.8125, 0.6875], [0.25, 0.5, 0.5625, 0.875]])
    for frame, (x0, y0, x1, y1) in zip(frames, (boxes * [128, 64, 128, 64]).astype(int), strict=True):
        frame[y0:y1, x0:x1] = (230, 30, 60)
    category, everything = torch.tensor([[0], [1], [3]]), torch.ones(3, 1, dtype=torch.bool)
    labels = VehicleBoxes(torch.from_numpy(boxes).float()[:, None], category, everything)
    pictures = torch.from_numpy(frames).movedim(-1, 1).float() / 127.5 - 1
    targets = detection_targets(labels, 4, 16, 32)
    optimizer = torch.optim.Adam(detector.parameters(), lr=4e-3)
    for _ in range(80):
        loss, _ = detection_loss(detector(pictures), targets, 4.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for found, box, wanted in zip(detect_vehicles(detector.eval(), frames), boxes, (0, 1, 3), strict=True):
        assert len(found) == 1
        assert found.category.tolist() == [wanted]
        assert iou_matrix(found.xyxy, box[None])[0, 0] > 0.6


def test_targets_of_a_vehicle() -> None:
    targets = detection_targets(_labels(((0.25, 0.25, 0.75, 0.75), 2, True)), 4, 16, 32)
    assert targets.centres[0, 2].argmax() == 8 * 32 + 16
    assert targets.centres[0, 2, 8, 16] == 1
    assert targets.centres[0, [0, 1, 3]].max() == 0
    assert targets.weight.sum() == pytest.approx(1)
    assert torch.equal(targets.xyxy[targets.weight > 0].unique(dim=0), torch.tensor([[8.0, 4.0, 24.0, 12.0]]))
    assert targets.sure.all()


def test_a_vehicle_that_does_not_count_leaves_its_cells_undecided() -> None:
    hidden = ((0.0, 0.0, 0.25, 0.5), 0, False)
    seen, padding = ((0.5, 0.5, 0.75, 1.0), 1, True), ((0.0, 0.0, 0.0, 0.0), PADDING, False)
    targets = detection_targets(_labels(hidden, seen, padding), 4, 16, 32)
    assert targets.centres[0, 0].max() == 0
    assert not targets.sure[0, :8, :8].any()
    assert targets.sure[0, 8:].all()
    assert targets.num_vehicles == 1


def test_the_loss_of_a_perfect_answer_is_nothing() -> None:
    targets = detection_targets(_labels(((0.25, 0.25, 0.75, 0.75), 2, True)), 4, 16, 32)
    perfect = VehicleDetectorOutput(torch.where(targets.centres > 0.99, 20.0, -20.0), targets.xyxy)
    blind = VehicleDetectorOutput(torch.full_like(targets.centres, -20.0), targets.xyxy + 4)
    assert detection_loss(perfect, targets, 4.0)[0] < 1e-3
    assert detection_loss(blind, targets, 4.0)[0] > 5


def test_generalised_overlap() -> None:
    box = torch.tensor([0.0, 0.0, 2.0, 2.0])
    assert generalised_iou(box, box) == 1
    assert generalised_iou(box, torch.tensor([1.0, 0.0, 3.0, 2.0])) == pytest.approx(1 / 3)
    assert generalised_iou(box, torch.tensor([8.0, 0.0, 10.0, 2.0])) == pytest.approx(-0.6)


def _square(picture: torch.Tensor) -> list[float]:
    """The box of what is bright in a picture, in 0..1."""
    rows, columns = (picture[0] > 0).nonzero().unbind(-1)
    height, width = picture.shape[-2:]
    return [
        columns.min().item() / width,
        rows.min().item() / height,
        (columns.max().item() + 1) / width,
        (rows.max().item() + 1) / height,
    ]


def test_boxes_stay_on_their_vehicles() -> None:
    picture = torch.full((3, 64, 128), -1.0)
    picture[:, 16:32, 40:64] = 1.0
    box = torch.tensor([[40 / 128, 16 / 64, 64 / 128, 32 / 64]])
    assert _square(picture.flip(-1)) == pytest.approx(flipped(box)[0].tolist())
    part, moved, seen = cropped(picture, box, 0.125, 0.0625, 0.75)
    assert _square(part) == pytest.approx(moved[0].tolist(), abs=0.03)
    assert seen.tolist() == pytest.approx([1.0])
    _, moved, seen = cropped(picture, box, 0.40625, 0.0, 0.5)
    assert seen.tolist() == pytest.approx([0.5])
    assert moved[0, 0] == 0


def test_a_shrunk_picture_keeps_its_place_and_loses_detail() -> None:
    picture = torch.full((3, 64, 128), -1.0)
    picture[:, 16:32, 40:64] = 1.0
    assert _square(shrunk(picture, 2.0)) == pytest.approx(_square(picture))
    stripes = (torch.arange(128) % 2 * 2.0 - 1).expand(3, 64, 128)
    assert shrunk(stripes, 2.0).abs().max() < 1e-5
    assert torch.allclose(shrunk(picture, 1.0), picture, atol=1e-6)


def test_augmentation_is_a_function_of_its_generator() -> None:
    augment = Augmentation(AugmentationConfig(shrunk=1.0))
    pictures = torch.rand(3, 3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    category, counts = torch.zeros(3, 1, dtype=torch.long), torch.ones(3, 1, dtype=torch.bool)
    labels = VehicleBoxes(torch.tensor([[[0.2, 0.2, 0.6, 0.6]]] * 3), category, counts)
    one, other, third = (augment(pictures, labels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1].xyxy, other[1].xyxy)
    assert not torch.equal(one[0], third[0])
    assert one[0].shape == pictures.shape
    assert one[0].abs().max() <= 1


@pytest.fixture(scope="module")
def trained(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("checkpoints")
    request = StageRequest("vehicle_detector", tiny(), logs, out, batch_size=2)
    list(train_stage(request, partial(prepare, request, lambda *_: None), TrainingBudget(steps=3)))
    return out


def test_the_stage_needs_no_other_and_leaves_a_vehicle_detector_that_loads(trained: Path) -> None:
    checkpoints = CheckpointSet.open(trained)
    assert set(checkpoints.sha256) == {"vehicle_detector"}
    detector = checkpoints.load("vehicle_detector")
    assert 0 < float(detector.threshold) < 1
    assert list((trained / "training" / "vehicle_detector").glob("vehicles_*.png"))
    figures = (trained / "training" / "vehicle_detector" / "metrics.csv").read_text()
    assert "held_out_ap50" in figures
