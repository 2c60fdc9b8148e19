"""Whether a video stays the scene that it began as: time of day and number of vehicles at its end.

Both are read beside those of recorded videos, because traffic comes and goes, and the detector errs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from drivesim.detection.detector import Detector
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.labels import BrightnessRule
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.videos import Video
from drivesim.geometry.requestable import MIN_COUNTED_SIDE, longer_side

_FRAMES = 4
"""Number of frames at each end of a video in which vehicles are counted."""


def continuity_figures(
    groups: dict[str, Sequence[Video]],
    recorded: Sequence[Video],
    detector: Detector | None,
    protocol: Protocol,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures the ends of videos, for each group of them.

    Args:
        groups: The videos by the name of their group.
        recorded: Recorded videos, to whose first frames the rule of day and night is fitted.
        detector: Counts vehicles; None leaves them out.
        protocol: The protocol without measure and network.
        on_progress: Is called with the progress of the work.

    Yields:
        `time_of_day_kept`, the part of the videos whose last frame has the time of day that was requested or labelled,
        if recorded videos of day and night tell them apart; and `vehicles_gained`, the number of vehicles in the last
        frames less that in the first ones.
    """
    labelled = [video for video in recorded if video.time_of_day >= 0]
    rule = None
    if len({video.time_of_day for video in labelled}) == 2:
        first = np.concatenate([video.frames[:1] for video in labelled])
        rule = BrightnessRule.fitted(first, np.array([video.time_of_day for video in labelled]))
    kept = replace(
        protocol,
        measure="part of the videos whose last frame has their time of day, by the brightness of its upper third "
        "against a threshold fitted to recorded frames, bootstrap over videos",
    )
    for group, videos in groups.items():
        known = [video for video in videos if video.time_of_day >= 0]
        if rule is not None and known:
            last = np.concatenate([video.frames[len(video.frames) - 1 : len(video.frames)] for video in known])
            right = (rule.time_of_day(last) == np.array([video.time_of_day for video in known])).astype(float)
            yield mean_figure("time_of_day_kept", group, right, kept)
        if detector is not None:
            gained = []
            for done, video in enumerate(videos, 1):
                gained.append(_vehicles_gained(video, detector))
                on_progress(f"counting vehicles, {group}", done, len(videos))
            values = np.array(gained)
            counted = replace(
                protocol,
                measure=f"vehicles per frame in the last {_FRAMES} frames less the first, bootstrap over videos",
                network=detector.name,
                network_sha256=detector.sha256,
                resize=detector.preparation,
            )
            yield mean_figure("vehicles_gained", group, values, counted)


def _vehicles_gained(video: Video, detector: Detector) -> float:
    length = len(video.frames)
    ends = (video.frames[: min(_FRAMES, length)], video.frames[max(0, length - _FRAMES) : length])
    first, last = (
        np.mean([(longer_side(found.xyxy) >= MIN_COUNTED_SIDE).sum() for found in detector.detect(frames)])
        for frames in ends
    )
    return float(last - first)
