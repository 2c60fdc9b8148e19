"""What counts in a loss on latents of clips: cells inside vehicles more than others, and known frames not at all."""

from __future__ import annotations

import torch
from torch import Tensor

from drivesim.models.box_raster import box_coverage
from drivesim.models.conditioning import BoxLayout, Conditioning


def vehicle_weights(boxes: BoxLayout, height: int, width: int, strongest: float) -> Tensor:
    """Returns the weight of each cell, `b t height width`: 1 without a vehicle, more inside the boxes of vehicles.

    The weight falls with the square root of the number of cells of a vehicle, so that large vehicles count more as a
    whole but less in each cell. Only vehicles that the model is conditioned on count: otherwise it would learn to draw
    more vehicles than there are.

    Args:
        boxes: The boxes that the model is conditioned on.
        height: Rows of the latents.
        width: Columns of the latents.
        strongest: Weight of a vehicle that covers a single cell.
    """
    coverage = box_coverage(boxes, height, width)
    cells = coverage.sum((-2, -1), keepdim=True).clamp(min=1)
    extra = (coverage * (strongest - 1) / cells.sqrt()).amax(2)
    return 1 + extra * boxes.known[:, None, None, None]


def boxes_of(conditioning: Conditioning) -> BoxLayout:
    """Returns the boxes of clips of footage."""
    assert conditioning.boxes is not None, "footage always has boxes"
    return conditioning.boxes


def mean_of_unknown(error: Tensor, conditioning: Conditioning) -> Tensor:
    """Returns the mean of an error `b t h w` over the frames that are not known."""
    unknown = ~known_frames(conditioning, error)
    return (error.mean((2, 3)) * unknown).sum() / unknown.sum()


def known_frames(conditioning: Conditioning, like: Tensor) -> Tensor:
    """Returns which frames are known, bool `b t`, like the frames of `like` `b t ...`."""
    if conditioning.context is None:
        return torch.zeros(like.shape[:2], dtype=torch.bool, device=like.device)
    return conditioning.context.mask
