"""The map of a road covers the cells that its lines and areas lie in, and an unknown road is nothing at all."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange

from drivesim.models.conditioning import RoadLayout
from drivesim.models.road_raster import CELLS_PER_LATENT, MAP_COLUMNS, MAP_ROWS, draw_road, fold, road_channels
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import ROAD_KINDS

LINE, AREA = ROAD_KINDS.index("lane_line"), ROAD_KINDS.index("drivable_area")


def view(*elements: tuple[int, list[tuple[float, float]]]) -> RoadView:
    return RoadView(
        kind=np.array([kind for kind, _ in elements], np.int64),
        length=np.array([len(points) for _, points in elements], np.int64),
        points=np.array([point for _, points in elements for point in points], np.float32).reshape(-1, 2),
    )


def test_an_area_covers_its_share_of_the_frame_and_touches_no_other_kind() -> None:
    drawn = draw_road(view((AREA, [(0.25, 0.5), (0.75, 0.5), (1.0, 1.0), (0.0, 1.0)])))
    assert abs(drawn[AREA].mean() / 255 - 0.375) < 0.01
    assert not drawn[[kind for kind in range(len(ROAD_KINDS)) if kind != AREA]].any()


def test_a_line_lies_where_its_points_are_to_a_fraction_of_a_cell() -> None:
    columns = np.arange(MAP_COLUMNS) + 0.5
    for x in np.linspace(0.3, 0.31, 7):
        row = draw_road(view((LINE, [(x, 0.1), (x, 0.9)])))[LINE, MAP_ROWS // 2].astype(float)
        assert abs((row * columns).sum() / row.sum() - x * MAP_COLUMNS) < 0.3


def test_lines_are_as_wide_far_away_as_near() -> None:
    drawn = draw_road(view((LINE, [(0.5, 0.5), (0.1, 1.0)])))[LINE].astype(float).sum(1)
    rows = drawn[MAP_ROWS // 2 + 4 : -4]
    assert rows.max() < 1.3 * rows.min()


def test_an_empty_road_is_known_and_empty_and_an_unknown_one_is_zero() -> None:
    nothing = torch.from_numpy(draw_road(view()))[None, None]
    channels = fold(RoadLayout(torch.cat([nothing, nothing]), torch.tensor([True, False])), 4, 8)
    assert channels.shape == (2, 1, road_channels(), 4, 8)
    assert channels[0].sum() == 4 * 8
    assert (channels[0, :, -1] == 1).all()
    assert not channels[1].any()


def test_folding_keeps_the_place_of_every_cell() -> None:
    coverage = torch.zeros(1, 1, len(ROAD_KINDS), MAP_ROWS, MAP_COLUMNS, dtype=torch.uint8)
    coverage[0, 0, LINE, 40, 100] = 255
    rows, columns = MAP_ROWS // CELLS_PER_LATENT, MAP_COLUMNS // CELLS_PER_LATENT
    folded = fold(RoadLayout(coverage, torch.tensor([True])), rows, columns)[:, :, :-1]
    unfolded = rearrange(
        folded, "b t (c i j) h w -> b t c (h i) (w j)", c=len(ROAD_KINDS), i=CELLS_PER_LATENT, j=CELLS_PER_LATENT
    )
    assert torch.equal(unfolded * 255, coverage.float())
