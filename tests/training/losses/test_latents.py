"""Which cells of latents count in a loss, and how much."""

from __future__ import annotations

from dataclasses import replace

import torch

from drivesim.models.conditioning import UNKNOWN, BoxLayout
from drivesim.training.losses.latents import vehicle_weights


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
