"""Boxes for first frames whose scenario gives a crowdedness but no boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from drivesim.engine.seeds import generator
from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning
from drivesim.models.layout_prior import LayoutPrior


def with_drawn_layouts(conditions: Conditioning, prior: LayoutPrior, seeds: Sequence[int]) -> Conditioning:
    """Returns the conditions with boxes drawn from the prior for each sample with a crowdedness but without boxes.

    What is drawn follows from the sample's seed and crowdedness alone.

    Args:
        conditions: conditions of single frames.
        prior: where boxes are drawn from.
        seeds: one seed per sample.
    """
    if conditions.crowdedness is None:
        return conditions
    boxes = conditions.boxes or _unknown_boxes(len(seeds))
    open_ones = torch.nonzero((conditions.crowdedness != UNKNOWN) & ~boxes.known).flatten().tolist()
    if not open_ones:
        return conditions
    most = max(boxes.category.shape[-1], prior.config.max_boxes)
    padding = most - boxes.category.shape[-1]
    xyxy = torch.nn.functional.pad(boxes.xyxy, (0, 0, 0, padding))
    category = torch.nn.functional.pad(boxes.category, (0, padding), value=UNKNOWN)
    known = boxes.known.clone()
    for sample in open_ones:
        layout = prior.draw(int(conditions.crowdedness[sample]), generator(seeds[sample], "layout"))
        category[sample] = UNKNOWN
        xyxy[sample, 0, : len(layout)] = torch.from_numpy(layout.xyxy)
        category[sample, 0, : len(layout)] = torch.from_numpy(layout.category)
        known[sample] = True
    drawn = torch.zeros(len(seeds), dtype=torch.bool).index_fill(0, torch.tensor(open_ones), True)[:, None, None]
    headings, colours = conditions.box_headings, conditions.box_colours
    if headings is not None:
        angle = torch.nn.functional.pad(headings.angle_rad, (0, padding), value=torch.nan)
        headings = replace(headings, angle_rad=angle.masked_fill(drawn, torch.nan))
    if colours is not None:
        index = torch.nn.functional.pad(colours.index, (0, padding), value=UNKNOWN)
        colours = replace(colours, index=index.masked_fill(drawn, UNKNOWN))
    boxes = BoxLayout(xyxy, category, known)
    return replace(conditions, boxes=boxes, box_headings=headings, box_colours=colours)


def _unknown_boxes(count: int) -> BoxLayout:
    return BoxLayout(
        xyxy=torch.zeros(count, 1, 0, 4),
        category=torch.zeros(count, 1, 0, dtype=torch.long),
        known=torch.zeros(count, dtype=torch.bool),
    )
