"""Videos that keep their scene, and videos in which night falls or vehicles are lost."""

from __future__ import annotations

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.video.measures.continuity import continuity_figures
from drivesim.evaluation.video.sources.videos import Video


class BrightCorner:
    """A detector that finds as many vehicles as the value of the lowest right pixel says."""

    name, sha256, preparation, threshold = "corner", "0" * 64, "none", 0.5

    def detect(self, frames: np.ndarray) -> list[Detections]:
        boxes = [np.tile(np.float32([0.2, 0.2, 0.6, 0.6]), (frame[-1, -1, 0], 1)) for frame in frames]
        return [Detections(box, np.zeros(len(box), int), np.ones(len(box), np.float32)) for box in boxes]


def video(brightness: list[int], vehicles: list[int], time_of_day: int) -> Video:
    frames = np.zeros((len(brightness), 12, 24, 3), np.uint8)
    frames[:] = np.array(brightness)[:, None, None, None]
    frames[:, -1, -1] = np.array(vehicles)[:, None]
    return Video("scene", 0, 10.0, frames, time_of_day)


def test_dusk_and_lost_vehicles_are_seen(protocol: Protocol) -> None:
    day, night = video([200] * 10, [3] * 10, 0), video([20] * 10, [3] * 10, 1)
    dusk = video([200] * 5 + [20] * 5, [3] * 5 + [1] * 5, 0)
    groups = {"kept": [day, night], "lost": [dusk, dusk]}
    found = continuity_figures(groups, [day, night], BrightCorner(), protocol, lambda *_: None)
    values = {(figure.name, figure.group): figure.value for figure in found}
    assert values == {
        ("time_of_day_kept", "kept"): 1,
        ("time_of_day_kept", "lost"): 0,
        ("vehicles_gained", "kept"): 0,
        ("vehicles_gained", "lost"): -2,
    }


def test_without_night_nothing_tells_day_from_night(protocol: Protocol) -> None:
    day = video([200] * 10, [0] * 10, 0)
    assert list(continuity_figures({"made": [day]}, [day, day], None, protocol, lambda *_: None)) == []
