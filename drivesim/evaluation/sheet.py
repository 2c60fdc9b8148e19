"""A picture of many composed frames, each beside the real frame that its conditions come from; none is picked."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from drivesim.engine import Engine
from drivesim.engine.conditions import conditioned_layouts
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.scenario.previews.drawing import draw_layout
from drivesim.scenario.schema.layout import SceneLayout

_GAP = 4  # white pixels between pairs


def composed_sheet(
    engine: Engine,
    footage: MeasuredFootage,
    condition_names: tuple[str, ...],
    sampling: FrameSampling,
    columns: int,
    width: int,
    on_progress: OnProgress,
) -> np.ndarray:
    """Draws pairs of a real frame with its boxes and the frame composed under its conditions.

    Args:
        engine: The engine.
        footage: The real frames.
        condition_names: The conditions that the image model is given.
        sampling: How frames are composed.
        columns: Number of pairs per row.
        width: Width of each frame in pixels.
        on_progress: Is called with the progress of the work.

    Returns:
        The picture, uint8 `h w 3`.
    """
    conditions = footage.conditions(condition_names)
    made = composed_frames(engine, conditions, len(footage), sampling, on_progress)
    layouts = conditioned_layouts(footage.conditions(("boxes",)))
    pairs = [
        np.hstack([_outlined(_shrunk(real, width), layout), _shrunk(frame, width)])
        for real, frame, layout in zip(footage.frames, made, layouts, strict=True)
    ]
    return _table(pairs, columns)


def _shrunk(frame: np.ndarray, width: int) -> np.ndarray:
    return cv2.resize(frame, (width, width * frame.shape[0] // frame.shape[1]), interpolation=cv2.INTER_AREA)


def _outlined(frame: np.ndarray, layout: SceneLayout) -> np.ndarray:
    draw_layout(frame, layout, thickness=1)
    return frame


def _table(cells: Sequence[np.ndarray], columns: int) -> np.ndarray:
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for number, cell in enumerate(cells):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = cell
    return sheet
