"""Where vehicles stand in a frame that holds so many of them: an empirical distribution, kept as a checkpoint.

An image model that is told a number alone has to place the vehicles and to draw them at once. Drawing the places
first leaves it the second half: p(frame | labels) is sampled as p(boxes | crowdedness), then p(frame | boxes, labels).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from drivesim.models.conditioning import UNKNOWN
from drivesim.scenario.schema.layout import SceneLayout


@dataclass(frozen=True)
class LayoutPriorConfig:
    """`num_frames` layouts of up to `max_boxes` boxes."""

    num_frames: int
    max_boxes: int

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.max_boxes < 1:
            raise ValueError(f"a layout prior needs frames and boxes, got {self.num_frames} and {self.max_boxes}")


class LayoutPrior(nn.Module):
    """Layouts of `n` recorded frames.

    `xyxy`: `n k 4` in 0..1. `category`: `n k`, `UNKNOWN` for padding. `crowdedness`: `n`.
    """

    def __init__(self, config: LayoutPriorConfig) -> None:
        super().__init__()
        self.config = config
        n, k = config.num_frames, config.max_boxes
        self.register_buffer("xyxy", torch.zeros(n, k, 4))
        self.register_buffer("category", torch.full((n, k), float(UNKNOWN)))
        self.register_buffer("crowdedness", torch.zeros(n))

    @classmethod
    def of(cls, xyxy: np.ndarray, category: np.ndarray, crowdedness: np.ndarray) -> LayoutPrior:
        """The prior of these layouts, shaped as the attributes."""
        prior = cls(LayoutPriorConfig(*category.shape))
        for name, values in (("xyxy", xyxy), ("category", category), ("crowdedness", crowdedness)):
            getattr(prior, name).copy_(torch.from_numpy(np.asarray(values, np.float32)))
        return prior

    def draw(self, crowdedness: int, rng: np.random.Generator, at_least: int = 16) -> SceneLayout:
        """The layout of one of the frames whose crowdedness is nearest, each as likely as the others.

        at_least: frames to choose from; where so many do not have this crowdedness, those next to it count too.
        """
        apart = (self.crowdedness - crowdedness).abs()
        farthest = apart.sort().values[min(at_least, len(apart)) - 1]
        candidates = torch.nonzero(apart <= farthest).flatten()
        chosen = candidates[rng.integers(len(candidates))]
        category = self.category[chosen].round().long()
        present = category != UNKNOWN
        return SceneLayout(self.xyxy[chosen][present].cpu().numpy(), category[present].cpu().numpy())
