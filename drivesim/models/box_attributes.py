"""Optional attributes of boxes, heading and colour, drawn as a map beside that of the boxes."""

from __future__ import annotations

from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.box_raster import nearest_box
from drivesim.models.conditioning import UNKNOWN, BoxColours, BoxHeadings, BoxLayout, Conditioning
from drivesim.scenario.schema.vocabulary import COLOURS


def attribute_channels(scale: int) -> int:
    """Returns the number of channels of `rasterise_attributes`: cosine, sine, known, colours, and known."""
    return (3 + len(COLOURS) + 1) * scale * scale


def rasterise_attributes(conditioning: Conditioning, like: Tensor, scale: int) -> Tensor:
    """Draws heading and colour of the nearest box of each cell; unknown values are zero.

    Args:
        conditioning: Boxes, with or without headings and colours.
        like: Features `b t c height width`, which give the device and the size of the map.
        scale: How many times finer the cells are than the map; they are folded into channels.

    Returns:
        The map, `b t k height width`.
    """
    b, t, _, height, width = like.shape
    boxes = conditioning.boxes
    if boxes is None or not boxes.category.shape[2]:
        return like.new_zeros(b, t, attribute_channels(scale), height, width)
    nearest, inside = nearest_box(boxes, height * scale, width * scale)
    inside = inside * boxes.known[:, None, None, None]
    planes = [*_heading_planes(conditioning.box_headings, boxes), *_colour_planes(conditioning.box_colours, boxes)]
    cells, place = nearest.shape[-2:], nearest[:, :, None]
    drawn = [
        plane[..., None, None].expand(*plane.shape, *cells).gather(2, place).squeeze(2) * inside for plane in planes
    ]
    return rearrange(torch.stack(drawn, 2), "b t c (h i) (w j) -> b t (c i j) h w", i=scale, j=scale)


def with_colours_forgotten(conditioning: Conditioning, generator: torch.Generator) -> Conditioning:
    """Returns conditions in which the colours of a random fraction of each sample's boxes are unknown.

    A scenario may state the colours of some vehicles only, so the networks are trained on such conditions.
    """
    colours = conditioning.box_colours
    if colours is None:
        return conditioning
    fraction = torch.rand((len(colours.known), 1, 1), generator=generator)
    keep = torch.rand(colours.index.shape, generator=generator) >= fraction
    index = torch.where(keep.to(colours.index.device), colours.index, UNKNOWN)
    return replace(conditioning, box_colours=replace(colours, index=index))


def _heading_planes(headings: BoxHeadings | None, boxes: BoxLayout) -> list[Tensor]:
    """Returns cosine, sine and known of each box, `b t n` each."""
    if headings is None:
        return [torch.zeros_like(boxes.xyxy[..., 0])] * 3
    angle = headings.angle_rad
    known = (~angle.isnan() & headings.known[:, None, None]).to(boxes.xyxy.dtype)
    angle = angle.nan_to_num()
    return [angle.cos() * known, angle.sin() * known, known]


def _colour_planes(colours: BoxColours | None, boxes: BoxLayout) -> list[Tensor]:
    """Returns one plane per colour, and known, of each box, `b t n` each."""
    if colours is None:
        return [torch.zeros_like(boxes.xyxy[..., 0])] * (len(COLOURS) + 1)
    known = (colours.index != UNKNOWN) & colours.known[:, None, None]
    planes = [known & (colours.index == number) for number in range(len(COLOURS))]
    return [plane.to(boxes.xyxy.dtype) for plane in (*planes, known)]
