"""The moving average of parameters."""

from __future__ import annotations

import torch
from torch import nn

from drivesim.training.loop.ema import MovingAverage


def test_a_constant_parameter_is_its_own_average() -> None:
    layer = nn.Linear(3, 3)
    average = MovingAverage(dict(layer.named_parameters()), 0.99)
    for step in range(10):
        average.update(step)
    assert torch.allclose(average.average["weight"], layer.weight)


def test_the_average_approaches_a_jump_and_is_put_back() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    average = MovingAverage(dict(layer.named_parameters()), 0.5)
    nn.init.ones_(layer.weight)
    values = []
    for step in range(100, 106):
        average.update(step)
        values.append(float(average.average["weight"]))
    assert values == [0.5, 0.75, 0.875, 0.9375, 0.96875, 0.984375]
    with average.applied():
        assert layer.weight.item() == 0.984375
    assert layer.weight.item() == 1.0
