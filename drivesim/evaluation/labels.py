"""Whether frames without boxes follow the labels of their scene: crowdedness and time of day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from drivesim.engine import Engine
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.protocol import Figure
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames, detector_protocol
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.geometry.requestable import MIN_COUNTED_SIDE, longer_side
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles

CONDITION_NAMES = ("time_of_day", "crowdedness")
"""What composed frames are conditioned on."""


@dataclass(frozen=True)
class BrightnessRule:
    """Tells day from night by the mean brightness of the upper third of a frame.

    The sky is there, or what the sky lights; further down, head lamps at night can be as bright as a road at dusk.
    The rule is fitted to real frames, and its figures are reported for them too.

    Attributes:
        threshold: Brightness from which a frame counts as day, 0..255.
    """

    threshold: float

    @classmethod
    def fitted(cls, frames: np.ndarray, time_of_day: np.ndarray) -> BrightnessRule:
        """Returns the rule that separates real frames best; `time_of_day` 0 is day."""
        order = np.argsort(brightness := _brightness(frames))
        light, day = brightness[order], time_of_day[order] == 0
        right = np.cumsum(~day) + day.sum() - np.cumsum(day)
        cut = int(right[:-1].argmax())
        return cls(float(light[cut] + light[cut + 1]) / 2)

    def time_of_day(self, frames: np.ndarray) -> np.ndarray:
        """Returns the time of day of frames uint8 `n h w 3`, as positions in `TIMES_OF_DAY`."""
        return (_brightness(frames) < self.threshold).astype(int)


def label_figures(
    engine: Engine, footage: MeasuredFootage, sampling: FrameSampling, seed: int, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures, on composed and on real frames, the rank correlation of requested and counted vehicles, and how often
    the time of day is right.
    """
    footage = replace(footage, index=footage.index[footage.time_of_day >= 0])
    made = composed_frames(engine, footage.conditions(CONDITION_NAMES), len(footage), sampling, on_progress)
    rule = BrightnessRule.fitted(footage.frames, footage.time_of_day)
    base = detector_protocol(engine, footage, made, sampling, CONDITION_NAMES, seed)
    ranks = replace(base, measure="Spearman's rank correlation of crowdedness with counted vehicles")
    errors = replace(base, measure="counted less requested vehicles, mean")
    times = replace(base, measure="brightness of the upper third against a threshold fitted to the real frames")
    times = replace(times, network=None, network_sha256=None, resize="none")
    for group, frames in (("composed", made), ("real", footage.frames)):
        counted = counted_vehicles(engine.networks.vehicle_detector, frames)
        requested = footage.crowdedness

        def correlation(weight: np.ndarray, counted: np.ndarray = counted, requested: np.ndarray = requested) -> float:
            repeats = weight.astype(int)
            return spearman(np.repeat(requested, repeats), np.repeat(counted, repeats))

        value = spearman(requested, counted)
        interval = bootstrap_interval(correlation, [len(requested)])
        yield Figure("crowdedness_spearman", group, _number(value), *interval, len(requested), ranks)
        difference = (counted - requested).astype(float)
        yield mean_figure("crowdedness_error", group, difference, errors)
        right = (rule.time_of_day(frames) == footage.time_of_day).astype(float)
        yield mean_figure("time_of_day_right", group, right, times)


def counted_vehicles(detector: VehicleDetector, frames: np.ndarray) -> np.ndarray:
    """Counts the vehicles in frames `n h w 3` that are large enough to count as crowdedness; returns `n` numbers."""
    found = detect_vehicles(detector, frames)
    return np.array([(longer_side(detections.xyxy) >= MIN_COUNTED_SIDE).sum() for detections in found])


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Spearman's rank correlation of two sets of `n` numbers; NaN if one of them is constant."""
    one, two = rankdata(first), rankdata(second)
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    return float(np.corrcoef(one, two)[0, 1])


def _brightness(frames: np.ndarray) -> np.ndarray:
    """The mean brightness of the upper third of frames uint8 `n h w 3`: `n`, 0..255."""
    brightness: np.ndarray = frames[:, : max(1, frames.shape[1] // 3)].mean((1, 2, 3))
    return brightness


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
