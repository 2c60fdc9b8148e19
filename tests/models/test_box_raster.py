from __future__ import annotations

from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.box_raster import raster_channels, rasterise
from drivesim.models.conditioning import UNKNOWN, BoxLayout

HEIGHT, WIDTH, SCALE = 8, 16, 2
U, V, LOG_WIDTH, LOG_HEIGHT, COVERAGE, KNOWN = range(4, 10)


def layout(*boxes: tuple[int, list[float]]) -> BoxLayout:
    """One frame of `(category, [x0, y0, x1, y1])`."""
    xyxy = torch.tensor([box for _, box in boxes]).reshape(1, 1, -1, 4)
    category = torch.tensor([category for category, _ in boxes], dtype=torch.long).reshape(1, 1, -1)
    return BoxLayout(xyxy, category, torch.tensor([True]))


def planes(boxes: BoxLayout) -> Tensor:
    """`k h w` at the fine resolution, of the only frame."""
    drawn = rasterise(boxes, 4, HEIGHT, WIDTH, SCALE)
    assert drawn.shape == (1, 1, raster_channels(4, SCALE), HEIGHT, WIDTH)
    return rearrange(drawn[0, 0], "(c i j) h w -> c (h i) (w j)", i=SCALE, j=SCALE)


def test_coverage_sums_to_the_area_of_the_box() -> None:
    drawn = planes(layout((1, [0.13, 0.27, 0.41, 0.66])))
    area = (0.41 - 0.13) * (0.66 - 0.27) * HEIGHT * WIDTH * SCALE**2
    assert torch.isclose(drawn[COVERAGE].sum(), torch.tensor(area), rtol=1e-4)
    assert ((drawn[COVERAGE] >= 0) & (drawn[COVERAGE] <= 1 + 1e-5)).all()


def test_a_box_fills_exactly_the_cells_that_it_touches() -> None:
    drawn = planes(layout((2, [4 / 32, 8 / 16, 10 / 32, 12 / 16])))
    expected = torch.zeros(16, 32)
    expected[8:12, 4:10] = 1
    assert torch.allclose(drawn[COVERAGE], expected, atol=1e-5)
    assert torch.equal(drawn[:4].argmax(0) * (drawn[:4].sum(0) > 0), 2 * (drawn[2] > 0))
    assert torch.allclose(drawn[2][8:12, 4:10], torch.ones(4, 6))


def test_place_runs_from_minus_one_to_one_across_the_box() -> None:
    drawn = planes(layout((0, [4 / 32, 8 / 16, 12 / 32, 12 / 16])))
    assert torch.allclose(drawn[U][8, 4:12], torch.linspace(-7 / 8, 7 / 8, 8), atol=1e-5)
    assert torch.allclose(drawn[V][8:12, 4], torch.linspace(-3 / 4, 3 / 4, 4), atol=1e-5)


def test_the_lower_edge_decides_who_is_in_front_whatever_the_order() -> None:
    near, far = (0, [0.2, 0.4, 0.6, 0.9]), (3, [0.4, 0.3, 0.8, 0.7])
    drawn = planes(layout(near, far))
    assert torch.equal(drawn, planes(layout(far, near)))
    both = (0.4 * 32 + 1, 0.6 * 32 - 1, 0.4 * 16 + 1, 0.7 * 16 - 1)
    left, right, top, bottom = (round(edge) for edge in both)
    assert (drawn[0, top:bottom, left:right] == 1).all()
    assert (drawn[3, top:bottom, left:right] == 0).all()
    assert drawn[3].any()


def test_empty_and_unknown_layouts_differ() -> None:
    empty = layout((UNKNOWN, [0.0, 0.0, 0.0, 0.0]))
    assert (planes(empty)[KNOWN] == 1).all()
    assert (planes(empty)[:KNOWN] == 0).all()
    unknown = replace(layout((1, [0.1, 0.1, 0.9, 0.9])), known=torch.tensor([False]))
    assert not planes(unknown).any()


def test_a_layout_without_any_box_is_the_empty_one() -> None:
    assert torch.equal(planes(layout()), planes(layout((UNKNOWN, [0.1, 0.1, 0.9, 0.9]))))


def test_padding_is_ignored() -> None:
    box, padding = (1, [0.2, 0.2, 0.5, 0.5]), (UNKNOWN, [0.0, 0.0, 1.0, 1.0])
    assert torch.equal(planes(layout(padding, box, padding)), planes(layout(box)))


def test_moving_a_box_by_whole_cells_moves_the_raster() -> None:
    before = planes(layout((1, [0.15, 0.3, 0.35, 0.6])))
    after = planes(layout((1, [0.15 + 5 / 32, 0.3 + 2 / 16, 0.35 + 5 / 32, 0.6 + 2 / 16])))
    assert torch.allclose(after, before.roll((2, 5), (1, 2)), atol=1e-4)


def test_a_box_over_the_edge_is_cut() -> None:
    drawn = planes(layout((1, [-0.5, 0.5, 0.25, 1.5])))
    assert torch.isclose(drawn[COVERAGE].sum(), torch.tensor(0.25 * 0.5 * 32 * 16), rtol=1e-4)


def test_frames_and_samples_are_drawn_alone() -> None:
    xyxy = torch.rand(2, 3, 5, 2)
    boxes = BoxLayout(torch.cat([xyxy, xyxy + 0.2], -1), torch.randint(4, (2, 3, 5)), torch.tensor([True, False]))
    whole = rasterise(boxes, 4, HEIGHT, WIDTH, SCALE)
    one = BoxLayout(boxes.xyxy[:1, 2:], boxes.category[:1, 2:], boxes.known[:1])
    assert torch.equal(whole[:1, 2:], rasterise(one, 4, HEIGHT, WIDTH, SCALE))
    assert not whole[1].any()
