"""How well the vehicle detector finds vehicles in recorded frames that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.detection.scores import Verdicts, judge
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.metrics.slices import SIZES_PX, size_name
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.geometry.requestable import MIN_BOX_SIDE, MIN_COUNTED_SIDE
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.scenario.schema.vocabulary import CATEGORIES, FRAME_WIDTH_PX, TIMES_OF_DAY

_LEAST_SCORE = 0.02
_RESAMPLES = 300
_AT_A_TIME = 16


def vehicle_detector_figures(
    detector: VehicleDetector, footage: MeasuredFootage, seed: int, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures AP50, recall, precision, category accuracy and false detections, by size and time of day.

    A vehicle counts if at least 25 % of it is visible (8 % at the edge of the frame). AP50 and recall ignore the
    category; `ap50_<category>` does not.

    Args:
        detector: The vehicle detector.
        footage: Recorded frames with labels.
        seed: Seed of the choice of the footage.
        on_progress: Is called with the progress of the work.
    """
    frames, found = footage.frames, []
    for start in range(0, len(frames), _AT_A_TIME):
        found += detect_vehicles(detector, frames[start : start + _AT_A_TIME], _LEAST_SCORE)
        on_progress("finding vehicles", min(start + _AT_A_TIME, len(frames)), len(frames))
    threshold = float(detector.threshold)
    height, width = frames.shape[1:3]
    protocol = Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=len(frames),
        num_frames=1,
        fps=None,
        height=height,
        width=width,
        resize=f"area or bicubic to {detector.config.height}x{detector.config.width}",
        seeds=f"reference {seed}",
        reference=footage.identity,
        settings="the vehicle detector's own threshold",
    )
    asked = (MIN_BOX_SIDE, np.inf)
    parts = {"all": (asked, None)} | {name: (asked, day) for day, name in enumerate(TIMES_OF_DAY)}
    parts |= {size_name(*px): ((px[0] / FRAME_WIDTH_PX, px[1] / FRAME_WIDTH_PX), None) for px in SIZES_PX}
    parts["size 12 to 24 px"] = ((MIN_COUNTED_SIDE, MIN_BOX_SIDE), None)
    for group, (sides, day) in parts.items():
        kept = np.flatnonzero(footage.time_of_day == day) if day is not None else np.arange(len(frames))
        verdicts = _judged(footage, found, kept, sides)
        for name, statistic in _measures(verdicts, threshold).items():
            yield _figure(name, group, verdicts, statistic, protocol)
    for index, category in enumerate(CATEGORIES):
        verdicts = _judged(footage, found, np.arange(len(frames)), asked, index)
        yield _figure(f"ap50_{category}", "all", verdicts, verdicts.average_precision, protocol)


def _judged(
    footage: MeasuredFootage,
    found: list[Detections],
    kept: np.ndarray,
    sides: tuple[float, float],
    category: int | None = None,
) -> Verdicts:
    """The verdicts on some frames, and only on one category if it is given."""
    truths = [footage.labels.truth(int(footage.index[i])) for i in kept]
    chosen = [found[i] for i in kept]
    if category is not None:
        same = [truth.category == category for truth in truths]
        truths = [
            replace(truth, xyxy=truth.xyxy[s], category=truth.category[s], counts=truth.counts[s])
            for truth, s in zip(truths, same, strict=True)
        ]
        chosen = [detections.where(detections.category == category) for detections in chosen]
    return judge(truths, chosen, sides=sides)


def _measures(verdicts: Verdicts, threshold: float) -> dict[str, Callable[..., float]]:
    return {
        "ap50": verdicts.average_precision,
        "recall": lambda weight=None: verdicts.recall(threshold, weight),
        "precision": lambda weight=None: verdicts.precision(threshold, weight),
        "category_accuracy": lambda weight=None: verdicts.category_accuracy(threshold, weight),
        "false_per_frame": lambda weight=None: verdicts.false_per_frame(threshold, weight),
    }


def _figure(name: str, group: str, verdicts: Verdicts, statistic: Callable[..., float], protocol: Protocol) -> Figure:
    frames = len(verdicts.num_vehicles)
    value = statistic() if frames else float("nan")
    low, high = bootstrap_interval(statistic, [frames], _RESAMPLES) if np.isfinite(value) else (None, None)
    protocol = replace(protocol, measure=f"{name}, overlap of at least 0.5, bootstrap over frames")
    count = int(verdicts.num_vehicles.sum())
    return Figure(name, group, value if np.isfinite(value) else None, low, high, count, protocol)
