"""The conditions on the road, and on headings and colours of vehicles, beside their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from drivesim.models.conditioning import UNKNOWN, BoxColours, BoxHeadings, RoadLayout
from drivesim.models.road_raster import draw_road
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout


def road_layout(scenario: Scenario, times_s: np.ndarray) -> RoadLayout | None:
    """Returns the road in frames at `times_s` `b t` from the first frame; None for a scenario without actors.

    Only scenarios in metres know road and camera. The path of the ego must be known at these times.
    """
    if scenario.scene is None:
        return None
    maps = [draw_road(scenario.scene.road_view(float(time_s))) for time_s in times_s.ravel()]
    coverage = np.array(maps).reshape(*times_s.shape, *maps[0].shape)
    return RoadLayout(torch.from_numpy(coverage), torch.ones(len(times_s), dtype=torch.bool))


def box_headings(layouts: Sequence[SceneLayout], shape: tuple[int, ...]) -> BoxHeadings:
    """Returns the headings of the boxes of `b t` frames.

    Args:
        layouts: The boxes of each frame, one clip after the other.
        shape: Numbers of clips, of frames, and of places for boxes, `b t n`.
    """
    angles = np.full((len(layouts), shape[-1]), np.nan, np.float32)
    for row, layout in enumerate(layouts):
        if layout.heading_rad is not None:
            angles[row, : len(layout)] = layout.heading_rad
    return BoxHeadings(torch.from_numpy(angles.reshape(shape)), torch.ones(shape[0], dtype=torch.bool))


def box_colours(layouts: Sequence[SceneLayout], shape: tuple[int, ...]) -> BoxColours:
    """Returns the colours of the boxes of `b t` frames; the arguments are those of `box_headings`."""
    index = np.full((len(layouts), shape[-1]), UNKNOWN, np.int64)
    for row, layout in enumerate(layouts):
        if layout.colour is not None:
            index[row, : len(layout)] = layout.colour
    return BoxColours(torch.from_numpy(index.reshape(shape)), torch.ones(shape[0], dtype=torch.bool))
