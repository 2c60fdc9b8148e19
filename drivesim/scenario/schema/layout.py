"""The vehicles of one frame, as the models are conditioned on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.scenario.schema.vocabulary import COLOURS, VehicleColour


@dataclass(frozen=True, eq=False)
class SceneLayout:
    """The boxes of one frame.

    Attributes:
        xyxy: Edges of the visible parts, float32 `n 4`, in 0..1.
        category: Categories as positions in `CATEGORIES`, int64 `n`.
        heading_rad: Headings relative to the line of sight, positive to the left and NaN where unknown, float32 `n`;
            None if all are unknown.
        colour: Colours as positions in `COLOURS`, -1 where unknown, int64 `n`; None if all are unknown.
    """

    xyxy: np.ndarray
    category: np.ndarray
    heading_rad: np.ndarray | None = None
    colour: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape != (len(self.category), 4):
            raise ValueError(f"expected boxes `n 4` and categories `n`, got {self.xyxy.shape}, {self.category.shape}")

    def __len__(self) -> int:
        return len(self.category)


def colour_indices(colours: Sequence[VehicleColour | None]) -> np.ndarray:
    """Returns the positions of colours in `COLOURS`, -1 for None, int64 `n`."""
    return np.array([-1 if colour is None else COLOURS.index(colour) for colour in colours], np.int64)
