"""Whether composed frames hold what was requested, and nothing else, as the vehicle detector sees it.

The same is measured on real frames with their own boxes, because what the vehicle detector misses there is not the
model's fault, and on reconstructed frames, because what it misses in those is not the image model's fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from drivesim.detection.adherence import FOUND, MISSING, WRONG_CATEGORY, Adherence, adherence
from drivesim.engine import Engine
from drivesim.engine.conditions import conditioned_layouts
from drivesim.evaluation.figures import mean_figure, ratio_figure
from drivesim.evaluation.metrics.slices import box_slices, frame_slices
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.composed import (
    FrameSampling,
    composed_frames,
    detector_protocol,
    gate_choices,
    reconstructed_frames,
)
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.models.vehicle_detector import detect_vehicles


def adherence_figures(
    engine: Engine,
    footage: MeasuredFootage,
    condition_names: tuple[str, ...],
    sampling: FrameSampling,
    max_attempts: int,
    seed: int,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures rates over requested boxes, and vehicles per frame that nobody requested.

    The figures are of composed, reconstructed and real frames.

    Args:
        engine: The engine.
        footage: Real frames, whose labels are requested.
        condition_names: The conditions that the image model is given; `boxes` is one of them.
        sampling: How frames are composed.
        max_attempts: Largest number of attempts of the adherence gate; 1 measures without a gate.
        seed: Seed of the choice of the footage.
        on_progress: Is called with the progress of the work.
    """
    conditions = footage.conditions(condition_names)
    choices = None
    if max_attempts > 1:
        choices = gate_choices(engine, conditions, sampling, max_attempts, on_progress)
    made = composed_frames(engine, conditions, len(footage), sampling, on_progress, choices)
    layouts = conditioned_layouts(conditions)
    protocol = detector_protocol(engine, footage, made, sampling, condition_names, seed)
    results = {}
    reconstructed = reconstructed_frames(engine, footage.frames, sampling, on_progress)
    for group, frames in (("composed", made), ("reconstructed", reconstructed), ("real", footage.frames)):
        found = detect_vehicles(engine.networks.vehicle_detector, frames)
        results[group] = [adherence(layout, d) for layout, d in zip(layouts, found, strict=True)]
        yield from _rates(group, results[group], footage.time_of_day, protocol)
    for group in ("composed", "reconstructed"):
        yield _relative(f"{group} to real", results[group], results["real"], protocol)


def _rates(group: str, results: Sequence[Adherence], time_of_day: np.ndarray, protocol: Protocol) -> Iterator[Figure]:
    per_box = replace(protocol, measure="part of the requested boxes, overlap of at least 0.5, bootstrap over frames")
    per_frame = replace(protocol, measure="vehicles of at least 24 px per frame, bootstrap over frames")
    requested = np.array([len(result.requested) for result in results])
    for frame_part, frames in frame_slices(time_of_day, requested).items():
        kept = [result for result, keep in zip(results, frames, strict=True) if keep]
        boxes = {frame_part: [np.ones(len(result.requested), bool) for result in kept]}
        if frame_part == "all":
            by_result = [box_slices(result.requested.xyxy) for result in kept]
            boxes |= {name: [masks[name] for masks in by_result] for name in (by_result[0] if by_result else ())}
        for part, masks in boxes.items():
            total = np.array([mask.sum() for mask in masks])
            for outcome in (FOUND, WRONG_CATEGORY, MISSING):
                hits = np.array([_count(r, outcome, mask) for r, mask in zip(kept, masks, strict=True)])
                yield ratio_figure(outcome.replace(" ", "_"), f"{group}, {part}", hits, total, per_box)
        for name in ("unasked", "misplaced"):
            counts = np.array([getattr(result, name).sum() for result in kept], float)
            yield mean_figure(f"{name}_per_frame", f"{group}, {frame_part}", counts, per_frame)


def _relative(group: str, made: Sequence[Adherence], real: Sequence[Adherence], protocol: Protocol) -> Figure:
    """The ratio of the boxes found in made frames to those found in the real ones."""
    hits = np.array([result.outcome.count(FOUND) for result in made], float)
    known = np.array([result.outcome.count(FOUND) for result in real], float)
    measure = replace(protocol, measure="boxes found in made frames per box found in real ones, bootstrap")
    return ratio_figure("found_relative", group, hits, known, measure)


def _count(result: Adherence, outcome: str, mask: np.ndarray) -> int:
    return sum(found == outcome for found, keep in zip(result.outcome, mask, strict=True) if keep)
