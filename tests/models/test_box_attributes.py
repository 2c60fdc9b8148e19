"""Headings and colours lie where their boxes lie, and what is unknown is zero."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.box_attributes import attribute_channels, rasterise_attributes, with_colours_forgotten
from drivesim.models.box_raster import rasterise
from drivesim.models.conditioning import UNKNOWN, BoxColours, BoxHeadings, BoxLayout, Conditioning
from drivesim.scenario.schema.vocabulary import COLOURS

HEIGHT, WIDTH, SCALE = 4, 8, 2
KNOWN = torch.tensor([True])
COS, SIN, HEADING_KNOWN, FIRST_COLOUR = range(4)
FEATURES = torch.zeros(1, 1, 1, HEIGHT, WIDTH)


def conditions(angles: list[float], colours: list[int]) -> Conditioning:
    """Two boxes in the left and right half of the frame; the right one is farther down and reaches into the left."""
    xyxy = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 1.0, 1.0]])[None, None]
    return Conditioning(
        boxes=BoxLayout(xyxy, torch.tensor([[[0, 1]]]), KNOWN),
        box_headings=BoxHeadings(torch.tensor(angles)[None, None], KNOWN),
        box_colours=BoxColours(torch.tensor(colours)[None, None], KNOWN),
    )


def planes(told: Conditioning) -> Tensor:
    drawn = rasterise_attributes(told, FEATURES, SCALE)
    assert drawn.shape == (1, 1, attribute_channels(SCALE), HEIGHT, WIDTH)
    return rearrange(drawn[0, 0], "(c i j) h w -> c (h i) (w j)", i=SCALE, j=SCALE)


def test_each_cell_shows_the_nearest_box() -> None:
    drawn = planes(conditions([0.0, math.pi / 2], [2, 5]))
    left, right, both = (0, 0), (7, 15), (3, 6)
    assert drawn[COS][left] == 1
    assert drawn[SIN][left] == 0
    for cell in (right, both):
        assert drawn[SIN][cell] == 1
        assert drawn[FIRST_COLOUR + 5][cell] == 1
        assert drawn[FIRST_COLOUR + 2][cell] == 0
    assert drawn[FIRST_COLOUR + 2][left] == 1
    assert not drawn[:, 0, 15].any()


def test_headings_of_one_turn_more_are_the_same() -> None:
    turned = planes(conditions([0.3 + 2 * math.pi, -2.0], [0, 0]))
    assert torch.allclose(turned, planes(conditions([0.3, -2.0 + 2 * math.pi], [0, 0])), atol=1e-5)


def test_what_is_unknown_of_one_box_is_zero_there_only() -> None:
    drawn = planes(conditions([math.nan, 1.0], [UNKNOWN, 1]))
    assert not drawn[:, 0, 0].any()
    assert drawn[HEADING_KNOWN][7, 15] == drawn[-1][7, 15] == 1


@pytest.mark.parametrize("kind", ["box_headings", "box_colours"])
def test_each_kind_is_dropped_on_its_own(kind: str) -> None:
    told = conditions([0.5, 1.0], [3, 4])
    of_kind = slice(0, FIRST_COLOUR) if kind == "box_headings" else slice(FIRST_COLOUR, None)
    others = slice(FIRST_COLOUR, None) if kind == "box_headings" else slice(0, FIRST_COLOUR)
    dropped = told.drop_randomly({kind: 1.0}, torch.Generator().manual_seed(0))
    for without in (planes(told.drop(kind)), planes(dropped)):
        assert not without[of_kind].any()
        assert torch.equal(without[others], planes(told)[others])


def test_without_boxes_nothing_is_drawn() -> None:
    told = conditions([0.5, 1.0], [3, 4])
    assert told.boxes is not None
    unknown = replace(told, boxes=replace(told.boxes, known=torch.tensor([False])))
    for nothing in (told.drop("boxes"), unknown):
        assert not rasterise_attributes(nothing, FEATURES, SCALE).any()


def test_headings_lie_exactly_where_boxes_lie() -> None:
    told = conditions([0.5, 1.0], [3, 4])
    assert told.boxes is not None
    boxes = rearrange(
        rasterise(told.boxes, 4, HEIGHT, WIDTH, SCALE)[0, 0], "(c i j) h w -> c (h i) (w j)", i=SCALE, j=SCALE
    )
    assert torch.equal(planes(told)[HEADING_KNOWN], (boxes[:4].sum(0) > 0).float())


def test_forgotten_colours_are_unknown_and_the_others_are_kept() -> None:
    index = torch.randint(len(COLOURS), (64, 1, 12), generator=torch.Generator().manual_seed(1))
    told = Conditioning(box_colours=BoxColours(index, torch.ones(64, dtype=torch.bool)))
    after = with_colours_forgotten(told, torch.Generator().manual_seed(0)).box_colours
    assert after is not None
    kept = after.index == index
    assert ((after.index == UNKNOWN) | kept).all()
    share = kept.float().mean((1, 2))
    assert share.min() < 0.2
    assert share.max() > 0.8
