from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.engine import Engine, fast
from drivesim.engine.first_frame.layouts import with_drawn_layouts
from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning
from drivesim.models.layout_prior import LayoutPrior
from drivesim.scenario import Scenario


@pytest.fixture(scope="module")
def engine(tiny_checkpoints_with_layouts: Path) -> Engine:
    return Engine.load(tiny_checkpoints_with_layouts)


@pytest.fixture(scope="module")
def prior(engine: Engine) -> LayoutPrior:
    return engine.networks.layouts


def test_boxes_are_drawn_where_a_crowdedness_stands_alone(prior: LayoutPrior) -> None:
    given = BoxLayout(
        torch.full((4, 1, 1, 4), 0.5), torch.zeros(4, 1, 1).long(), torch.tensor([True, False, False, True])
    )
    conditions = Conditioning(boxes=given, crowdedness=torch.tensor([3, 3, UNKNOWN, UNKNOWN]))
    boxes = with_drawn_layouts(conditions, prior, range(4)).boxes
    assert boxes.known.tolist() == [True, True, False, True]
    assert (boxes.category != UNKNOWN).sum(-1).flatten().tolist()[:2] == [1, 3]
    for sample in (0, 3):
        assert torch.equal(boxes.xyxy[sample, :, :1], given.xyxy[sample])


def test_nothing_is_drawn_where_nothing_is_open(prior: LayoutPrior) -> None:
    for conditions in (Conditioning(), Conditioning(crowdedness=torch.tensor([UNKNOWN]))):
        assert with_drawn_layouts(conditions, prior, [0]) is conditions


def test_a_layout_follows_from_its_seed_and_crowdedness_alone(prior: LayoutPrior) -> None:
    asked = Conditioning(crowdedness=torch.tensor([4, 2, 4]))
    together = with_drawn_layouts(asked, prior, [7, 8, 9]).boxes
    alone = with_drawn_layouts(Conditioning(crowdedness=torch.tensor([4])), prior, [9]).boxes
    assert torch.equal(together.xyxy[2], alone.xyxy[0])
    assert not torch.equal(together.xyxy[0], together.xyxy[2])


def test_frames_are_composed_from_drawn_layouts(engine: Engine, prior: LayoutPrior) -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "crowd", "crowdedness": 4, "time_of_day": "day"})
    drawn, left = engine.compose(scenario, seed=2), engine.compose(scenario, 2, replace(fast(), draw_layouts=False))
    assert not np.array_equal(drawn, left)
    conditions = Conditioning(time_of_day=torch.tensor([0]), crowdedness=torch.tensor([4]))
    told = with_drawn_layouts(conditions, prior, [2])
    assert np.array_equal(drawn, engine.compose_many(told, [2])[0])
    free = scenario.model_copy(update={"crowdedness": None})
    assert np.array_equal(engine.compose(free, 2), engine.compose(free, 2, replace(fast(), draw_layouts=False)))


def test_the_first_layout_is_what_the_frame_is_composed_from(engine: Engine, prior: LayoutPrior) -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "crowd", "crowdedness": 3})
    drawn = with_drawn_layouts(Conditioning(crowdedness=torch.tensor([3])), prior, [2]).boxes
    layout = engine.first_layout(scenario, 2)
    assert np.array_equal(layout.xyxy, drawn.xyxy[0, 0, :3])
    assert len(layout) == 3
    box = {"category": "van", "xyxy": [100, 100, 300, 300]}
    given = Scenario.model_validate({"format": 1, "name": "crowd", "crowdedness": 3, "boxes": [box]})
    assert np.array_equal(engine.first_layout(given, 2).xyxy, given.layout().xyxy)
    assert engine.first_layout(scenario, 2, replace(fast(), draw_layouts=False)) is None
    assert engine.first_layout(scenario.model_copy(update={"crowdedness": None}), 2) is None
