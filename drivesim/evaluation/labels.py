"""Whether the labels of a scene are obeyed without boxes: crowdedness against counted vehicles, and time of day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from drivesim.engine import Engine
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval, mean_interval
from drivesim.evaluation.protocol import Figure
from drivesim.evaluation.samples.composed import Sampling, composed_frames, reading_protocol
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.geometry.requestable import MIN_COUNTED_SIDE, longer_side
from drivesim.models.vehicle_detector import VehicleReader, read_vehicles

TOLD = ("time_of_day", "crowdedness")


@dataclass(frozen=True)
class BrightnessRule:
    """Day from night by the mean brightness of a frame's upper third; fitted to real frames, reported for them too.

    There the sky is, or what the sky lights; below, head lamps at night can be as bright as a road at dusk.
    """

    threshold: float

    @classmethod
    def fitted(cls, frames: np.ndarray, time_of_day: np.ndarray) -> BrightnessRule:
        """The threshold that tells real frames apart best, in the middle of the gap; `time_of_day` 0 is day."""
        order = np.argsort(brightness := _brightness(frames))
        light, day = brightness[order], time_of_day[order] == 0
        right = np.cumsum(~day) + day.sum() - np.cumsum(day)
        cut = int(right[:-1].argmax())
        return cls(float(light[cut] + light[cut + 1]) / 2)

    def time_of_day(self, frames: np.ndarray) -> np.ndarray:
        """Positions in TIMES_OF_DAY of frames uint8 `n h w 3`."""
        return (_brightness(frames) < self.threshold).astype(int)


def label_figures(
    engine: Engine, footage: MeasuredFootage, sampling: Sampling, seed: int, on_progress: OnProgress
) -> Iterator[Figure]:
    """Rank correlation of asked and counted vehicles, and how often the time of day is right, composed and real."""
    footage = replace(footage, index=footage.index[footage.time_of_day >= 0])
    made = composed_frames(engine, footage.conditions(TOLD), len(footage), sampling, on_progress)
    rule = BrightnessRule.fitted(footage.frames, footage.time_of_day)
    base = reading_protocol(engine, footage, made, sampling, TOLD, seed)
    ranks = replace(base, measure="Spearman's rank correlation of crowdedness with counted vehicles")
    errors = replace(base, measure="counted less asked vehicles, mean")
    times = replace(base, measure="brightness of the upper third against a threshold fitted to the real frames")
    times = replace(times, network=None, network_sha256=None, resize="none")
    for group, frames in (("composed", made), ("real", footage.frames)):
        counted = counted_vehicles(engine.networks.reader, frames)
        asked = footage.crowdedness

        def correlation(weight: np.ndarray, counted: np.ndarray = counted, asked: np.ndarray = asked) -> float:
            repeats = weight.astype(int)
            return spearman(np.repeat(asked, repeats), np.repeat(counted, repeats))

        value = spearman(asked, counted)
        interval = bootstrap_interval(correlation, [len(asked)])
        yield Figure("crowdedness_spearman", group, _number(value), *interval, len(asked), ranks)
        difference = (counted - asked).astype(float)
        yield Figure(
            "crowdedness_error", group, float(difference.mean()), *mean_interval(difference), len(asked), errors
        )
        right = (rule.time_of_day(frames) == footage.time_of_day).astype(float)
        yield Figure("time_of_day_right", group, float(right.mean()), *mean_interval(right), len(right), times)


def counted_vehicles(reader: VehicleReader, frames: np.ndarray) -> np.ndarray:
    """Vehicles `n` that the vehicle detector finds in frames `n h w 3`, from the size on that counts as crowdedness."""
    found = read_vehicles(reader, frames)
    return np.array([(longer_side(detections.xyxy) >= MIN_COUNTED_SIDE).sum() for detections in found])


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Rank correlation, NaN where one side is constant."""
    one, two = rankdata(first), rankdata(second)
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    return float(np.corrcoef(one, two)[0, 1])


def _brightness(frames: np.ndarray) -> np.ndarray:
    """Of the upper third of frames uint8 `n h w 3`: `n`, 0..255."""
    return frames[:, : max(1, frames.shape[1] // 3)].mean((1, 2, 3))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
