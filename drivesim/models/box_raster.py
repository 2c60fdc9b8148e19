"""Boxes drawn as a map at a multiple of the latent resolution, which the U-Net gets beside its input."""

from __future__ import annotations

from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.conditioning import UNKNOWN, BoxLayout


def raster_channels(num_categories: int, scale: int) -> int:
    """Returns the number of channels of `rasterise`: category, place in the box, log size, coverage and known."""
    return (num_categories + 6) * scale * scale


def rasterise(layout: BoxLayout, num_categories: int, height: int, width: int, scale: int) -> Tensor:
    """Draws the nearest box of each cell.

    Vehicles stand on the ground, so that the box whose lower edge is lowest is the nearest. An unknown layout is all
    zeros; an empty one is known and empty.

    Args:
        layout: Boxes `b t n`.
        num_categories: Number of vehicle categories.
        height: Rows of the map.
        width: Columns of the map.
        scale: How many times finer the cells are than the map; they are folded into channels.

    Returns:
        The map, `b t k height width`.
    """
    if not layout.category.shape[2]:
        layout = _with_padding(layout)
    rows, columns = height * scale, width * scale
    coverage = box_coverage(layout, rows, columns)
    x0, y0, x1, y1 = (edge[..., None, None] for edge in layout.xyxy.float().unbind(-1))
    top, left = _starts(rows, layout.xyxy.device)[:, None], _starts(columns, layout.xyxy.device)

    nearest = _nearest(coverage, layout)
    covered = coverage.gather(2, nearest).squeeze(2)
    inside = (covered > 0).float()

    centre_u = ((left + 0.5 / columns - x0) / (x1 - x0).clamp(min=1e-4) * 2 - 1).clamp(-1, 1)
    centre_v = ((top + 0.5 / rows - y0) / (y1 - y0).clamp(min=1e-4) * 2 - 1).clamp(-1, 1)
    log_width = (x1 - x0).clamp(min=1e-3).log().expand_as(coverage) + 2.5
    log_height = (y1 - y0).clamp(min=1e-3).log().expand_as(coverage) + 2.0
    place = [
        value.expand_as(coverage).gather(2, nearest).squeeze(2) * inside
        for value in (centre_u, centre_v, log_width, log_height)
    ]
    category = layout.category.clamp(min=0)[..., None, None].expand_as(coverage).gather(2, nearest).squeeze(2)
    one_hot = torch.nn.functional.one_hot(category, num_categories).movedim(-1, 2) * inside[:, :, None]
    planes = torch.stack([*place, covered, torch.ones_like(covered)], 2)
    drawn = torch.cat([one_hot, planes], 2) * layout.known[:, None, None, None, None]
    return rearrange(drawn, "b t c (h i) (w j) -> b t (c i j) h w", i=scale, j=scale)


def nearest_box(layout: BoxLayout, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Returns the index of the nearest of the boxes `b t n` in each cell of a grid, and whether there is one.

    Both are `b t rows columns`, and there must be room for at least one box.
    """
    coverage = box_coverage(layout, rows, columns)
    nearest = _nearest(coverage, layout)
    return nearest.squeeze(2), (coverage.gather(2, nearest) > 0).squeeze(2)


def _nearest(coverage: Tensor, layout: BoxLayout) -> Tensor:
    """The index of the nearest box of each cell, `b t 1 rows columns`."""
    bottom = layout.xyxy.float()[..., 3, None, None]
    return torch.where(coverage > 0, bottom, -1.0).argmax(2, keepdim=True)


def box_coverage(layout: BoxLayout, rows: int, columns: int) -> Tensor:
    """Returns how much of each cell of a grid each box covers, 0..1: `b t n rows columns`; 0 for padding."""
    x0, y0, x1, y1 = (edge[..., None, None] for edge in layout.xyxy.float().unbind(-1))
    top, left = _starts(rows, layout.xyxy.device)[:, None], _starts(columns, layout.xyxy.device)
    across = (torch.minimum(x1, left + 1 / columns) - torch.maximum(x0, left)).clamp(min=0) * columns
    down = (torch.minimum(y1, top + 1 / rows) - torch.maximum(y0, top)).clamp(min=0) * rows
    return across * down * (layout.category != UNKNOWN)[..., None, None]


def _with_padding(layout: BoxLayout) -> BoxLayout:
    """A layout without any boxes, as a layout of one padding box."""
    xyxy = layout.xyxy.new_zeros(*layout.category.shape[:2], 1, 4)
    return replace(layout, xyxy=xyxy, category=torch.full_like(xyxy[..., 0], UNKNOWN, dtype=torch.long))


def _starts(cells: int, device: torch.device) -> Tensor:
    return torch.arange(cells, device=device) / cells
