"""Warping error: how much of a frame its predecessor, moved along the optical flow, does not explain.

Steady video has a low error, but a frozen one has none at all, so the figure is read beside that of recorded footage
of the same scenes: above it there is flicker, below it things move too little (Lai et al., 2018, "Learning Blind Video
Temporal Consistency").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.flow import optical_flow, sampled_at, seen_in_both
from drivesim.evaluation.video.sources.videos import Video

_LEAST_SEEN = 0.05
"""A pair of frames of which less than this part is seen in both says nothing."""


def warping_figures(
    groups: dict[str, Sequence[Video]], protocol: Protocol, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures warping error and motion of each group of videos.

    Args:
        groups: The videos by the name of their group.
        protocol: The protocol without measure.
        on_progress: Is called with the progress of the work.

    Yields:
        `warping_error` in levels of 0..255, `motion_px` in pixels per frame, and `still_pairs`, the part of the pairs
        of frames that are equal.
    """
    error = "mean absolute difference of a frame and its predecessor moved along DIS flow, where both show it"
    measures = {
        "warping_error": error + ", 0..255, bootstrap over videos",
        "motion_px": "mean length of the DIS flow in pixels per frame, bootstrap over videos",
        "still_pairs": "part of the pairs of neighbouring frames that are equal, bootstrap over videos",
    }
    total, done = sum(map(len, groups.values())), 0
    for group, videos in groups.items():
        rows = []
        for video in videos:
            rows.append(warping_of(video))
            done += 1
            on_progress("following motion", done, total)
        for place, (name, measure) in enumerate(measures.items()):
            values = np.array([row[place] for row in rows if row is not None and np.isfinite(row[place])])
            if len(values):
                yield mean_figure(name, group, values, replace(protocol, measure=measure))


def warping_of(video: Video) -> tuple[float, float, float] | None:
    """Returns warping error, motion and part of equal pairs of a video, or None if it has a single frame."""
    rows = [pair_error(a, b) for part in video.parts(overlap=1) for a, b in pairwise(part)]
    if not rows:
        return None
    errors, motions, still = np.array(rows).T
    known = errors[np.isfinite(errors)]
    return (float(known.mean()) if len(known) else float("nan"), float(motions.mean()), float(still.mean()))


def pair_error(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Returns the warping error of a frame after its predecessor, their motion, and whether they are equal."""
    back, there = optical_flow(second, first), optical_flow(first, second)
    seen = seen_in_both(back, there)
    motion = float(np.linalg.norm(back, axis=-1).mean())
    still = float(np.array_equal(first, second))
    if seen.mean() < _LEAST_SEEN:
        return float("nan"), motion, still
    moved = sampled_at(np.ascontiguousarray(first), back)
    difference = np.abs(second.astype(np.float32) - moved.astype(np.float32)).mean(-1)
    return float(difference[seen].mean()), motion, still
