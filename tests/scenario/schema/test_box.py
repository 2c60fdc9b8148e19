"""Boxes: the unit of their edges, and whether they lie in the frame."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drivesim.scenario.schema.box import Box, boxes_outside
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX


def box(*xyxy: float, coords: str | None = None) -> Box:
    return Box(category="car", xyxy=xyxy, coords=coords)


@pytest.mark.parametrize("of_file", ["pixels", "normalized"])
@pytest.mark.parametrize("of_box", [None, "pixels", "normalized"])
def test_the_whole_frame_is_the_largest_box_in_the_unit_of_the_box_or_else_of_the_file(
    of_file: str, of_box: str | None
) -> None:
    extent = (1, 1) if (of_box or of_file) == "normalized" else (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
    whole = box(0, 0, *extent, coords=of_box)
    assert whole.extent(of_file) == extent
    assert whole.misfit(of_file) is None
    for wider in ((-0.1, 0, *extent), (0, -0.1, *extent), (0, 0, extent[0] + 0.1, 1), (0, 0, 1, extent[1] + 0.1)):
        message = box(*wider, coords=of_box).misfit(of_file)
        assert message.startswith(
            f"the box leaves the frame: expected x in 0..{extent[0]} and y in 0..{extent[1]}, got"
        )


@pytest.mark.parametrize("xyxy", [(1, 2, 3), (1, 2, 3, 4, 5), (3, 2, 1, 4), (1, 4, 3, 2), (1, 2, 1, 4), (1, 2, 3, 2)])
def test_edges_are_four_and_in_order(xyxy: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        box(*xyxy)


def test_boxes_outside_are_found_among_those_with_other_mistakes() -> None:
    outside, inside = [0, 0, FRAME_WIDTH_PX + 1, 9], [0, 0, 9, 9]
    boxes = [
        {"category": "lorry", "xyxy": outside},
        {"category": "car", "xyxy": inside},
        {"category": "car", "xyxy": inside, "coords": "normalized"},
        {"category": "car", "xyxy": outside[::-1]},
        {"xyxy": "wide"},
        7,
    ]
    assert [path for path, _ in boxes_outside({"boxes": boxes})] == [("boxes", 0, "xyxy"), ("boxes", 2, "xyxy")]


@pytest.mark.parametrize("content", [None, [], {}, {"boxes": 3}, {"boxes": [{"xyxy": [0, 0, 9999, 9]}], "coords": "m"}])
def test_content_without_comparable_boxes_has_none_outside(content: object) -> None:
    assert list(boxes_outside(content)) == []
