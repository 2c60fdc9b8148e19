from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from drivesim.models.checkpoints import build, publish_checkpoint
from drivesim.models.conditioning import UNKNOWN, BoxLayout
from drivesim.models.presets import tiny
from drivesim.training.loop.randomness import step_generator
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.diffusion import vehicle_weights


def layout(*boxes: list[float]) -> BoxLayout:
    xyxy = torch.tensor(boxes).reshape(1, 1, -1, 4)
    return BoxLayout(xyxy, torch.zeros(xyxy.shape[:3], dtype=torch.long), torch.tensor([True]))


def test_a_vehicle_of_one_cell_counts_most_and_larger_ones_less() -> None:
    one, sixteen = [0.0, 0.0, 1 / 16, 1 / 8], [0.5, 0.5, 0.75, 1.0]
    weight = vehicle_weights(layout(one, sixteen), 8, 16, 5.0)[0, 0]
    assert weight[0, 0] == 5
    assert torch.allclose(weight[4:, 8:12], torch.tensor(1 + 4 / 4))
    weight[0, 0], weight[4:, 8:12] = 1, 1
    assert torch.equal(weight, torch.ones(8, 16))


def test_cells_count_alike_where_the_model_is_not_told_of_the_vehicle() -> None:
    boxes = layout([0.0, 0.0, 0.3, 0.3])
    assert not (vehicle_weights(boxes, 8, 16, 5.0) == 1).all()
    assert (vehicle_weights(replace(boxes, known=torch.tensor([False])), 8, 16, 5.0) == 1).all()
    padding = replace(boxes, category=torch.full_like(boxes.category, UNKNOWN))
    assert (vehicle_weights(padding, 8, 16, 5.0) == 1).all()


def test_the_guide_is_trained_like_the_image_stage(long_logs: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    publish_checkpoint(tmp_path, tiny(), "autoencoder", build("autoencoder", tiny()))
    image, guide = (
        prepare(StageRequest(role, tiny(), long_logs, tmp_path, batch_size=2), lambda *_: None)
        for role in ("image", "guide")
    )
    assert guide.config == image.config
    assert len(guide.parameters()["network"]) == len(image.parameters()["network"])
    (term,) = guide.losses(0, 0.0, step_generator(0, 0, 0))
    term.value.backward()
    assert torch.isfinite(term.value)
