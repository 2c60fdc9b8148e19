"""Where vehicles stand in frames of each crowdedness: an empirical distribution, kept as a checkpoint.

An image model that is conditioned on a number alone has to place the vehicles and to draw them at once. Drawing the
places first leaves it the second half: p(frame | labels) is sampled as p(boxes | crowdedness), then
p(frame | boxes, labels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from drivesim.models.conditioning import UNKNOWN
from drivesim.scenario.schema.layout import SceneLayout

_COLUMNS = ("xyxy", "category", "crowdedness")


@dataclass(frozen=True)
class LayoutPriorConfig:
    """Size of a table: `num_frames` layouts of up to `max_boxes` boxes each."""

    num_frames: int
    max_boxes: int


@dataclass(frozen=True, eq=False)
class LayoutPrior:
    """The layouts of `n` recorded frames, with up to `k` boxes each.

    Attributes:
        xyxy: Boxes, float32 `n k 4`, in 0..1 of the frame.
        category: Category of each box, int64 `n k`; `UNKNOWN` for padding.
        crowdedness: Number of vehicles in view, float32 `n`.

    Raises:
        ValueError: The shapes do not fit each other, or there are no frames or no places for boxes.
    """

    xyxy: np.ndarray
    category: np.ndarray
    crowdedness: np.ndarray

    def __post_init__(self) -> None:
        shape = self.category.shape
        if len(shape) != 2 or self.xyxy.shape != (*shape, 4) or self.crowdedness.shape != shape[:1]:
            shapes = f"{self.xyxy.shape}, {shape} and {self.crowdedness.shape}"
            raise ValueError(f"expected boxes `n k 4`, categories `n k` and crowdedness `n`, got {shapes}")
        if not all(shape):
            raise ValueError(f"a layout prior needs frames and boxes, got {shape[0]} and {shape[1]}")

    @property
    def config(self) -> LayoutPriorConfig:
        """The size of the table, which its checkpoint records."""
        return LayoutPriorConfig(*self.category.shape)

    @classmethod
    def of(
        cls,
        xyxy: np.ndarray,
        category: np.ndarray,
        crowdedness: np.ndarray,
    ) -> LayoutPrior:
        """Returns the prior of these layouts, shaped like the attributes and of any type of numbers."""
        return cls(xyxy.astype(np.float32), category.astype(np.int64), crowdedness.astype(np.float32))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> LayoutPrior:
        """Returns the prior whose `tensors` these are.

        Raises:
            ValueError: A tensor is missing, one has no place here, or their shapes do not fit each other.
        """
        if set(tensors) != set(_COLUMNS):
            missing, extra = sorted(set(_COLUMNS) - set(tensors)), sorted(set(tensors) - set(_COLUMNS))
            raise ValueError(f"tensors do not fit a layout prior: missing {missing}, unexpected {extra}")
        xyxy, category, crowdedness = (tensors[name].float() for name in _COLUMNS)
        return cls(xyxy.numpy(), category.round().long().numpy(), crowdedness.numpy())

    def tensors(self) -> dict[str, Tensor]:
        """Returns the table as float32 tensors by name, for its checkpoint."""
        return {name: torch.from_numpy(getattr(self, name)).float() for name in _COLUMNS}

    def draw(self, crowdedness: int, rng: np.random.Generator, at_least: int = 16) -> SceneLayout:
        """Draws the layout of one of the frames whose crowdedness is nearest, each with the same probability.

        Args:
            crowdedness: Wanted number of vehicles.
            rng: Source of randomness.
            at_least: Smallest number of frames to choose from. If fewer have this crowdedness, those with the next
                nearest numbers take part too.
        """
        distance = np.abs(self.crowdedness - np.float32(crowdedness))
        farthest = np.sort(distance)[min(at_least, len(distance)) - 1]
        candidates = np.flatnonzero(distance <= farthest)
        chosen = candidates[rng.integers(len(candidates))]
        category = self.category[chosen]
        present = category != UNKNOWN
        return SceneLayout(self.xyxy[chosen][present], category[present])
