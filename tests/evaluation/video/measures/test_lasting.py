"""Vehicles of the first frames whose fate is known: they stay, dissolve, leave, or hide."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.data.ingest.labels.detected import TrackedDetection
from drivesim.detection.detections import Detections
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.video.measures.lasting import Lasting, lasting, lasting_figures
from drivesim.evaluation.video.measures.tracks import Follower, Tracks

FPS, FRAMES = 10.0, 40
STILL, EDGE = (0.4, 0.4, 0.5, 0.6), (0.9, 0.4, 1.0, 0.6)


def film(*vehicles: tuple[range, tuple[float, ...]]) -> Tracks:
    """The tracks of vehicles that stand still, each seen in a range of frames."""
    seen: list[list[TrackedDetection]] = [[] for _ in range(FRAMES)]
    for track, (when, box) in enumerate(vehicles):
        for number in when:
            seen[number].append(TrackedDetection(track, 0, np.array(box)))
    return Tracks.of(seen, FPS)


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        ((range(FRAMES), STILL), Lasting(1, 1)),
        ((range(28), STILL), Lasting(1, 1)),  # a detector may miss a frame at 3 s
        ((range(20), STILL), Lasting(1, 0)),
        ((range(3), STILL), Lasting(1, 0)),
        ((range(20), EDGE), Lasting(0, 0)),  # never away from the edge
        ((range(1), STILL), Lasting(0, 0)),  # a false detection
        ((range(5, FRAMES), STILL), Lasting(0, 0)),  # comes later
        ((range(20), (0.4, 0.4, 0.42, 0.43)), Lasting(0, 0)),  # small
    ],
)
def test_the_fate_of_one_vehicle(vehicle: tuple, expected: Lasting) -> None:
    assert lasting(film(vehicle)) == expected


def test_vehicles_that_leave_or_hide_have_no_part_in_it() -> None:
    seen = [[TrackedDetection(0, 0, np.array(STILL) + 0.025 * t * np.array([1, 0, 1, 0]))] for t in range(20)]
    assert seen[-1][0].xyxy[2] > 0.97
    leaving = Tracks.of([*seen, *([] for _ in range(20))], FPS)
    assert lasting(leaving) == Lasting(0, 0)
    behind, nearer = (range(20), STILL), (range(15, FRAMES), (0.38, 0.35, 0.6, 0.8))
    assert lasting(film(behind, nearer)) == Lasting(0, 0)


class Brightness:
    """A detector that finds one vehicle in bright frames, and nothing in dark ones."""

    name, threshold, sha256, preparation = "brightness", 0.3, "0" * 64, "none"

    def __init__(self) -> None:
        self.frames = 0

    def detect(self, frames: np.ndarray) -> list[Detections]:
        self.frames += len(frames)
        found = Detections(np.array([STILL], np.float32), np.array([0]), np.array([0.9], np.float32))
        return [found.where(np.array([frame.mean() > 100])) for frame in frames]


def test_made_videos_are_measured_relative_to_recorded_ones(protocol: Protocol, video_of) -> None:
    def lit(seconds: float, scene: str, future: int = 0):
        frames = np.zeros((FRAMES, 16, 32, 3), np.uint8)
        frames[: round(seconds * FPS)] = 200
        return video_of(frames, scene, future)

    real = [lit(4, "a"), lit(4, "b"), lit(4, "c"), lit(1, "d")]
    made = [lit(4, "a"), lit(1, "a", 1), lit(4, "b"), lit(1, "b", 1), lit(1, "c"), lit(4, "c", 1), lit(1, "d")]
    detector = Brightness()
    follower = Follower(detector)
    figures = {(f.name, f.group): f for f in lasting_figures({"made": made, "real": real}, follower, protocol)}
    assert figures["tracked_after_3s", "made"].value == pytest.approx(3 / 7)
    assert figures["tracked_after_3s", "real"].value == pytest.approx(3 / 4)
    relative = figures["tracked_after_3s_relative", "made to real"]
    assert relative.value == pytest.approx(4 / 7)
    assert relative.low < relative.value < relative.high
    assert relative.count == 7
    assert detector.frames == FRAMES * (len(made) + len(real))
    follower(made[0])
    assert detector.frames == FRAMES * (len(made) + len(real))  # each video is followed once


def test_videos_that_are_too_short_say_nothing(protocol: Protocol, video_of) -> None:
    short = [video_of(np.full((29, 16, 32, 3), 200, np.uint8))]
    assert not list(lasting_figures({"made": short, "real": short}, Follower(Brightness()), protocol))
