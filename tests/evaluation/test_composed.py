from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.engine import Engine, fast
from drivesim.evaluation.composed import Sampling, composed_frames, gate_choices, requested_layouts
from drivesim.models.conditioning import BoxLayout, Conditioning
from drivesim.scenario import Sampling as Wishes
from drivesim.scenario import Scenario


@pytest.fixture(scope="module")
def engine(checkpoints: Path) -> Engine:
    return Engine.load(checkpoints)


@pytest.fixture
def conditions() -> Conditioning:
    """The scenario's box as footage gives it, with padding, in two samples."""
    xyxy = torch.tensor([[[400 / 1024, 260 / 512, 520 / 1024, 340 / 512], [0, 0, 0, 0]]])
    known = torch.ones(2, dtype=torch.bool)
    return Conditioning(
        boxes=BoxLayout(xyxy.expand(2, 1, 2, 4), torch.tensor([[[2, -1]]] * 2), known),
        time_of_day=torch.tensor([1, 1]),
    )


def test_many_frames_are_those_that_the_engine_composes_alone(engine: Engine, conditions: Conditioning) -> None:
    settings = fast().with_sampling(Wishes(steps=3))
    made = composed_frames(engine, conditions, 2, Sampling(settings, first_seed=5), lambda *_: None)
    box = {"category": "truck", "xyxy": [400, 260, 520, 340]}
    content = {"format": 1, "name": "one", "time_of_day": "night", "boxes": [box]}
    for frame, seed in zip(made, (5, 6), strict=True):
        alone = engine.compose(Scenario.model_validate(content), seed, settings)
        assert np.abs(frame.astype(int) - alone).max() <= 2


def test_padding_is_no_request(conditions: Conditioning) -> None:
    layouts = requested_layouts(conditions)
    assert [len(layout) for layout in layouts] == [1, 1]
    assert layouts[0].category.tolist() == [2]


def test_a_gate_that_sees_nothing_keeps_first_attempts(engine: Engine, conditions: Conditioning) -> None:
    sampling = Sampling(fast().with_sampling(Wishes(steps=2)), enlarge=False)
    assert gate_choices(engine, conditions, sampling, 2, lambda *_: None).tolist() == [0, 0]
