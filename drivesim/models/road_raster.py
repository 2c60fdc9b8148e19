"""The road drawn as a map, which is an additional input of the U-Net.

Lines are drawn with the same width at every distance, because their places matter and a painted line far away would be
much narrower than a cell. `draw_road` is called once per frame, and `fold` at every evaluation of a network.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.conditioning import RoadLayout
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import ROAD_KINDS

MAP_ROWS, MAP_COLUMNS = 128, 256
"""Size of the map that `draw_road` draws."""
CELLS_PER_LATENT = 4
"""Cells of the road's map per latent in each direction; a lane line is far narrower than a vehicle."""
_FINER = 2
"""The map is drawn at this multiple of its resolution and averaged."""
_LINE_CELLS = 2
_FIXED_POINT_BITS = 4
_DRIVABLE_AREA = ROAD_KINDS.index("drivable_area")
_FULL = 255


def road_channels() -> int:
    """Returns the number of channels of `fold`: coverage by each kind, folded, and whether the road is known."""
    return len(ROAD_KINDS) * CELLS_PER_LATENT**2 + 1


def draw_road(road: RoadView) -> np.ndarray:
    """Returns the coverage of each cell by each kind, uint8 `kinds MAP_ROWS MAP_COLUMNS`; 255 is full coverage."""
    rows, columns = MAP_ROWS * _FINER, MAP_COLUMNS * _FINER
    drawn = np.zeros((len(ROAD_KINDS), rows, columns), np.uint8)
    for kind, points in road.elements:
        # The centre of pixel 0 is at 0 in OpenCV and at 0.5 here.
        places = (points * (columns, rows) - 0.5) * (1 << _FIXED_POINT_BITS)
        outline = [places.round().astype(np.int32)]
        if kind == _DRIVABLE_AREA:
            cv2.fillPoly(drawn[kind], outline, _FULL, cv2.LINE_8, _FIXED_POINT_BITS)
        else:
            thickness = _LINE_CELLS * _FINER
            cv2.polylines(drawn[kind], outline, False, _FULL, thickness, cv2.LINE_8, _FIXED_POINT_BITS)
    return np.stack([cv2.resize(plane, (MAP_COLUMNS, MAP_ROWS), interpolation=cv2.INTER_AREA) for plane in drawn])


def fold(layout: RoadLayout, height: int, width: int) -> Tensor:
    """Folds the maps of frames into channels of latents.

    Args:
        layout: Maps `b t kinds rows columns`. Those of an unknown road become zeros in all channels.
        height: Rows of the latents.
        width: Columns of the latents.

    Returns:
        The channels, `b t k height width`.
    """
    b = len(layout.known)
    cells = (height * CELLS_PER_LATENT, width * CELLS_PER_LATENT)
    coverage = layout.coverage.flatten(0, 1).float() / _FULL
    if coverage.shape[-2:] != cells:
        coverage = torch.nn.functional.adaptive_avg_pool2d(coverage, cells)
    folded = rearrange(coverage, "(b t) c (h i) (w j) -> b t (c i j) h w", b=b, i=CELLS_PER_LATENT, j=CELLS_PER_LATENT)
    channels = torch.cat([folded, torch.ones_like(folded[:, :, :1])], 2)
    return channels * layout.known[:, None, None, None, None]
