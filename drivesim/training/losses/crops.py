"""Crops around vehicles, and the weight of each pixel of a crop in a reconstruction loss.

A small part of a frame decides whether a perception stack finds what is in it: vehicles, lane lines and lamps. Crops
are therefore placed on vehicles more often than not, and errors on these pixels count more than others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from drivesim.data.clips import FootageTensors

_GRID = 8
"""Crops start at multiples of this many pixels, so that they fall on whole latent cells."""
_THIN = 7
"""Bright structures narrower than this many pixels are lines or lamps."""
_FULL_CONTRAST = 0.4
"""Contrast, in the range -1..1 of pixels, from which a thin structure has its full weight."""


@dataclass(frozen=True)
class CropConfig:
    """Where crops are taken and what counts in them.

    Attributes:
        side: Height and width of a crop in pixels, a multiple of 8.
        vehicle_share: Fraction of the crops that are placed on a vehicle, in frames that show one.
        vehicle_weight: Weight of pixels inside vehicles; that of other pixels is 1.
        line_weight: Weight of thin bright structures, such as lane lines and lamps, at full contrast.
    """

    side: int = 64
    vehicle_share: float = 0.7
    vehicle_weight: float = 4.0
    line_weight: float = 4.0


def draw_crops(
    footage: FootageTensors, index: Tensor, config: CropConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws crops of clips, at the same place in all frames of a clip, and the weights of their pixels.

    Args:
        footage: Frames and boxes.
        index: Frame numbers `b t`. A crop on a vehicle shows it in the first frame.
        config: Where crops are taken and what counts in them.
        generator: Source of all randomness, on the CPU.

    Returns:
        Frames `b t 3 side side` in -1..1 and weights `b t 1 side side`, on the device of the footage.
    """
    height, width = footage.frame_size
    boxes = footage.boxes[index] * torch.tensor([width, height, width, height])
    known = footage.category[index] >= 0
    top, left = crop_places(boxes[:, 0], known[:, 0], (height, width), config, generator)
    crops = footage.frames(index, (top, left, config.side))
    origin = torch.stack([left, top, left, top], -1)[:, None, None]
    inside = inside_boxes(boxes - origin, known, config.side, config.side).to(crops.device)
    weights = torch.where(inside, config.vehicle_weight, 1.0)
    if config.line_weight > 1:
        weights = torch.maximum(weights, 1 + (config.line_weight - 1) * thin_and_bright(crops))
    return crops, weights


def inside_boxes(boxes: Tensor, known: Tensor, height: int, width: int) -> Tensor:
    """Returns whether pixels lie inside one of the known boxes.

    Args:
        boxes: Left, top, right and bottom in pixels, `... n 4`.
        known: Which boxes exist, `... n`.
        height: Number of rows.
        width: Number of columns.

    Returns:
        Booleans `... 1 h w`; pixels that a box covers partly are inside.
    """
    left, top, right, bottom = boxes[..., None].unbind(-2)
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows + 1 > top) & (rows < bottom) & known[..., None]
    in_columns = (columns + 1 > left) & (columns < right)
    covered = torch.einsum("...nh,...nw->...hw", in_rows.float(), in_columns.float())
    return (covered > 0).unsqueeze(-3)


def inside_vehicles(xyxy: Tensor, category: Tensor, height: int, width: int) -> Tensor:
    """Returns which pixels of frames of this size lie inside a vehicle.

    Args:
        xyxy: Boxes in 0..1 of the frame, `... n 4`.
        category: Their categories, `... n`; negative for padding.
        height: Number of rows.
        width: Number of columns.

    Returns:
        Booleans `... 1 h w`.
    """
    return inside_boxes(xyxy * torch.tensor([width, height, width, height]), category >= 0, height, width)


def thin_and_bright(frames: Tensor) -> Tensor:
    """Returns how much pixels belong to bright structures of a few pixels, 0 to 1: the white top-hat of the luminance.

    Args:
        frames: Frames `b t 3 h w` in -1..1.

    Returns:
        Values `b t 1 h w`.
    """
    luminance = rearrange(frames.mean(2), "b t h w -> (b t) 1 h w")
    eroded = -F.max_pool2d(-luminance, _THIN, 1, _THIN // 2)
    opened = F.max_pool2d(eroded, _THIN, 1, _THIN // 2)
    contrast = ((luminance - opened) / _FULL_CONTRAST).clamp(0, 1)
    return rearrange(contrast, "(b t) 1 h w -> b t 1 h w", b=len(frames))


def crop_places(
    boxes: Tensor, known: Tensor, frame_size: tuple[int, int], config: CropConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws where crops begin: anywhere, or so that a vehicle is near the middle.

    Args:
        boxes: Left, top, right and bottom in pixels of the boxes of each frame, `b n 4`.
        known: Which boxes exist, `b n`.
        frame_size: Height and width of the frames.
        config: Where crops are taken.
        generator: Source of all randomness, on the CPU.

    Returns:
        Top and left of the crops, `b` each.
    """
    count = len(boxes)
    limits = torch.tensor([(size - config.side) // _GRID for size in frame_size])
    anywhere = (torch.rand((count, 2), generator=generator) * (limits + 1)).floor()
    chosen = torch.multinomial(known.float() + 1e-9, 1, generator=generator)[:, 0]
    left, top, right, bottom = boxes[torch.arange(count), chosen].unbind(-1)
    jitter = (torch.rand((count, 2), generator=generator) - 0.5) * (config.side * 3 / 8)
    centre = torch.stack([top + bottom, left + right], -1) / 2 + jitter
    around = ((centre - config.side / 2) / _GRID).round().clamp(min=torch.zeros(2), max=limits.float())
    on_vehicle = known.any(-1) & (torch.rand(count, generator=generator) < config.vehicle_share)
    places = (torch.where(on_vehicle[:, None], around, anywhere) * _GRID).long()
    return places[:, 0], places[:, 1]
