"""What the vehicle detector learns: centre maps by the focal loss and boxes by overlap, where labels are certain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from torch import Tensor

from drivesim.data.vehicle_labels import PADDING
from drivesim.models.vehicle_detector import VehicleDetectorOutput

_SPREAD = 0.54 / 6  # standard deviation of a centre's bell, of the box's side (TTFNet, Sec. 3.2)
_LEAST_SPREAD = 1 / 6  # in cells: such a bell lies in one cell
_NEAR_CENTRE = 0.3  # cells with at least this much of the bell learn the box


@dataclass(frozen=True)
class VehicleBoxes:
    """The labels of a batch.

    Attributes:
        xyxy: Boxes in 0..1 of the picture, `b n 4`.
        category: Category of each vehicle, or `PADDING`, `b n`.
        counts: Whether a vehicle should be found, `b n`; the others may be found or not.
    """

    xyxy: Tensor
    category: Tensor
    counts: Tensor


@dataclass(frozen=True)
class DetectionTargets:
    """What the network should predict.

    Attributes:
        centres: Centre maps in 0..1 for each category, `b k h w`.
        sure: Where the centre maps count, `b h w`.
        xyxy: Boxes in cells, `b h w 4`.
        weight: Weight of the box of each cell, `b h w`; it sums to 1 over the cells of a vehicle that is not hidden.
        num_vehicles: Number of vehicles that should be found, a scalar.
    """

    centres: Tensor
    sure: Tensor
    xyxy: Tensor
    weight: Tensor
    num_vehicles: Tensor


def detection_targets(labels: VehicleBoxes, num_categories: int, height: int, width: int) -> DetectionTargets:
    """Returns the targets of labels on `height` × `width` cells."""
    boxes = labels.xyxy * labels.xyxy.new_tensor([width, height, width, height])
    x0, y0, x1, y1 = (edge[..., None] for edge in boxes.unbind(-1))
    x = torch.arange(width, device=boxes.device)
    y = torch.arange(height, device=boxes.device)
    column, row = ((x0 + x1) / 2).floor().clamp(0, width - 1), ((y0 + y1) / 2).floor().clamp(0, height - 1)
    across = _bell(x - column, (x1 - x0) * _SPREAD)
    down = _bell(y - row, (y1 - y0) * _SPREAD)
    bell = rearrange(down, "b n h -> b n h 1") * rearrange(across, "b n w -> b n 1 w")
    counts = labels.counts[..., None, None]
    bell = torch.where(counts, bell, 0.0)

    one_hot = torch.nn.functional.one_hot(labels.category.clamp(min=0), num_categories).to(bell.dtype)
    centres = (bell[:, :, None] * one_hot[..., None, None]).amax(1)
    middle = torch.stack([x0, y0, x1, y1], -1)  # b n 1 4

    inside_x = (x + 0.5 >= x0) & (x + 0.5 < x1)
    inside_y = (y + 0.5 >= y0) & (y + 0.5 < y1)
    unsure = (~labels.counts & (labels.category != PADDING))[..., None, None]
    covered = rearrange(inside_y, "b n h -> b n h 1") & rearrange(inside_x, "b n w -> b n 1 w") & unsure
    sure = ~covered.any(1) | (bell.amax(1) > _NEAR_CENTRE)

    near = torch.where(bell > _NEAR_CENTRE, bell, 0.0)
    strongest, owner = near.max(1)
    owned = near * (torch.arange(near.shape[1], device=near.device)[:, None, None] == owner[:, None])
    total = reduce(owned, "b n h w -> b n 1 1", "sum").clamp(min=1e-6)
    weight = (owned / total).sum(1)
    index = rearrange(owner, "b h w -> b (h w) 1").expand(-1, -1, 4)
    xyxy = rearrange(middle[:, :, 0].gather(1, index), "b (h w) d -> b h w d", h=height)
    return DetectionTargets(centres, sure, xyxy, torch.where(strongest > 0, weight, 0.0), labels.counts.sum())


def centre_loss(logits: Tensor, targets: DetectionTargets) -> Tensor:
    """Returns the penalty-reduced focal loss (CenterNet, Eq. 1) of logits `b k h w`, per vehicle."""
    probability = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    centre = targets.centres > 0.99
    found = (1 - probability).square() * probability.log()
    empty = (1 - targets.centres).pow(4) * probability.square() * (1 - probability).log()
    loss = -torch.where(centre, found, empty * targets.sure[:, None]).sum()
    return loss / targets.num_vehicles.clamp(min=1)


def box_loss(xyxy: Tensor, targets: DetectionTargets) -> Tensor:
    """Returns one minus the generalised IoU (Rezatofighi et al., 2019) of boxes `b h w 4`, per vehicle."""
    overlap = generalised_iou(xyxy, targets.xyxy)
    return ((1 - overlap) * targets.weight).sum() / targets.num_vehicles.clamp(min=1)


def detection_loss(
    output: VehicleDetectorOutput, targets: DetectionTargets, box_weight: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns the whole loss and its parts by name."""
    centres, boxes = centre_loss(output.centres, targets), box_loss(output.xyxy, targets)
    return centres + box_weight * boxes, {"centres": centres, "boxes": boxes}


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Returns the generalised IoU of boxes `... 4`, pair by pair: 1 for equal boxes, below 0 for distant ones."""
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = _area(first) + _area(second) - shared
    low, high = torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:])
    hull = (high - low).clamp(min=0).prod(-1)
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def _area(xyxy: Tensor) -> Tensor:
    return (xyxy[..., 2:] - xyxy[..., :2]).clamp(min=0).prod(-1)


def _bell(distance: Tensor, spread: Tensor) -> Tensor:
    bell = torch.exp(-0.5 * (distance / spread.clamp(min=_LEAST_SPREAD)).square())
    return torch.where(bell > 1e-4, bell, 0.0)
