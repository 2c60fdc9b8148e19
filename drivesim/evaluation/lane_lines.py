"""Distance between painted lines in composed frames and the lines in the labels of the footage.

The line detector does not depend on the models and is the same for real, reconstructed and composed frames: around each
labelled place of a line, it looks along the row for bright, narrow ridges (a difference of Gaussians) and takes the
nearest. Its misses and displacements in real frames are its own errors, not those of the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from drivesim.data.road_columns import RoadColumns
from drivesim.engine import Engine
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames, reconstructed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import FRAME_WIDTH_PX, ROAD_KINDS

_NARROW, _WIDE = 0.004, 0.016
"""Standard deviations of the two Gaussians, in widths of the frame."""
_LEAST_CONTRAST = 8.0
"""Smallest response of a ridge, in grey levels of 0..255."""
SEARCHED = 24 / FRAME_WIDTH_PX
"""Largest distance at which a line is searched, in widths of the frame."""
_FIRST_ROW = 0.62
"""Lines above this row, in heights of the frame, are too narrow for the smallest frames."""
_ROWS_APART = 1 / 64
_LANE_LINE = ROAD_KINDS.index("lane_line")


@dataclass(frozen=True, eq=False)
class LinePlaces:
    """Places at which a frame should show a line: columns `n` and rows `n` in 0..1."""

    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, road: RoadView, vehicles: np.ndarray) -> LinePlaces:
        """Returns places on the lane lines of a road that are near enough and not hidden by any of the boxes `k 4`."""
        x: list[float] = []
        y: list[float] = []
        for kind, points in road.elements:
            if kind != _LANE_LINE:
                continue
            for (x0, y0), (x1, y1) in pairwise(points):
                low, high = max(min(y0, y1), _FIRST_ROW), min(max(y0, y1), 1 - _ROWS_APART)
                rows = np.arange(np.ceil(low / _ROWS_APART), high / _ROWS_APART) * _ROWS_APART
                if abs(y1 - y0) > abs(x1 - x0) / 8:  # a nearly horizontal line has no definite column in a row
                    x.extend(x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
                    y.extend(rows)
        places = np.array([x, y]).reshape(2, -1)
        left, top, right, bottom = vehicles.reshape(-1, 4, 1).transpose(1, 0, 2)
        hidden = (places[0] > left - SEARCHED) & (places[0] < right + SEARCHED) & (places[1] > top)
        hidden &= places[1] < bottom + _ROWS_APART
        inside = (places[0] > SEARCHED) & (places[0] < 1 - SEARCHED) & ~hidden.any(0)
        return cls(*places[:, inside])

    def __len__(self) -> int:
        return len(self.x)


def line_errors(frame: np.ndarray, places: LinePlaces) -> np.ndarray:
    """Returns the distance of the nearest ridge from each place; arguments and unit are those of `line_offsets`."""
    return np.abs(line_offsets(frame, places))


def line_offsets(frame: np.ndarray, places: LinePlaces) -> np.ndarray:
    """Returns how far to the right of each place the nearest ridge is: `n`, NaN if there is none.

    Args:
        frame: The frame, uint8 `h w 3`.
        places: Where lines should be.

    Returns:
        Offsets in widths of the frame, negative to the left.
    """
    height, width = frame.shape[:2]
    bright = frame.max(-1).astype(np.float32)  # yellow paint is as bright as white in red
    narrow, wide = (cv2.GaussianBlur(bright, (0, 0), sigmaX=s * width, sigmaY=0.3) for s in (_NARROW, _WIDE))
    ridge = narrow - wide
    peak = np.zeros(ridge.shape, bool)
    peak[:, 1:-1] = (ridge[:, 1:-1] >= ridge[:, :-2]) & (ridge[:, 1:-1] > ridge[:, 2:])
    peak &= ridge >= _LEAST_CONTRAST
    offsets = np.full(len(places), np.nan)
    for number, (x, y) in enumerate(zip(places.x, places.y, strict=True)):
        columns = np.flatnonzero(peak[min(int(y * height), height - 1)])
        if len(columns):
            offset = (columns + 0.5) / width - x
            nearest = offset[np.abs(offset).argmin()]
            if abs(nearest) <= SEARCHED:
                offsets[number] = nearest
    return offsets


def lane_line_figures(
    engine: Engine,
    footage: MeasuredFootage,
    condition_names: tuple[str, ...],
    sampling: FrameSampling,
    seed: int,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures how many labelled places show a line, and the distance of the line from the place.

    Args:
        engine: The engine.
        footage: Real frames whose labels contain the lines; frames of unknown roads do not count.
        condition_names: Names of the conditions of the image model, with or without `road`.
        sampling: How frames are composed.
        seed: Seed of the choice of the footage.
        on_progress: Callback for the progress of the work.
    """
    places = _places(footage.footage.roads, footage)
    made = composed_frames(engine, footage.conditions(condition_names), len(footage), sampling, on_progress)
    reconstructed = reconstructed_frames(engine, footage.frames, sampling, on_progress)
    protocol = Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=len(footage),
        num_frames=1,
        fps=None,
        height=made.shape[1],
        width=made.shape[2],
        resize="none",
        seeds=f"samples {sampling.seeds(len(footage))}, reference {seed}",
        reference=footage.identity,
        settings=sampling.protocol(condition_names),
    )
    for group, frames in (("composed", made), ("reconstructed", reconstructed), ("real", footage.frames)):
        errors = [line_errors(frame, where) for frame, where in zip(frames, places, strict=True)]
        yield from _figures(group, errors, protocol)


def _places(roads: RoadColumns, footage: MeasuredFootage) -> list[LinePlaces]:
    places = []
    for frame in map(int, footage.index):
        road, vehicles = roads.view(frame), footage.labels.truth(frame).xyxy
        places.append(LinePlaces(np.zeros(0), np.zeros(0)) if road is None else LinePlaces.of(road, vehicles))
    return places


def _figures(group: str, errors: list[np.ndarray], protocol: Protocol) -> Iterator[Figure]:
    total = np.array([len(of_frame) for of_frame in errors], float)
    found = np.array([np.isfinite(of_frame).sum() for of_frame in errors], float)
    distance = np.array([np.nansum(of_frame) for of_frame in errors]) * FRAME_WIDTH_PX
    for name, measure, above, below in (
        ("lane_lines_found", "part of the labelled places with a ridge within 24 px of 1024", found, total),
        (
            "lane_line_error_px",
            "mean distance of the nearest ridge, where there is one, in px of 1024",
            distance,
            found,
        ),
    ):
        of_measure = replace(protocol, measure=f"{measure}, bootstrap over frames")
        yield ratio_figure(name, group, above, below, of_measure)
