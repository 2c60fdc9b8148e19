"""Vehicles whose fate is known: they stay, leave, vanish, appear, hide, or change category."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.data.ingest.labels.detected import TrackedDetection
from drivesim.evaluation.video.measures.permanence import APPEARED, CHANGED, VANISHED, Permanence, permanence
from drivesim.evaluation.video.measures.tracks import Tracks

FPS, FRAMES = 10.0, 30
STILL = (0.4, 0.4, 0.5, 0.6)


def events(*vehicles: tuple[range, tuple[float, ...], int | None]) -> Permanence:
    """What happens to vehicles, each seen in a range of frames; the category changes at a frame if one is given."""
    seen: list[list[TrackedDetection]] = [[] for _ in range(FRAMES)]
    for track, (when, box, changes) in enumerate(vehicles):
        for number in when:
            category = int(changes is not None and number >= changes)
            seen[number].append(TrackedDetection(track, category, np.array(box)))
    return permanence(Tracks.of(seen, FPS))


@pytest.mark.parametrize(
    ("vehicle", "expected"),
    [
        ((range(FRAMES), STILL, None), {}),
        ((range(20), STILL, None), {VANISHED: 1}),
        ((range(27), STILL, None), {}),  # too near the end to say
        ((range(12, FRAMES), STILL, None), {APPEARED: 1}),
        ((range(20), (0.9, 0.4, 1.0, 0.6), None), {}),  # leaves the picture
        ((range(20), (0.4, 0.4, 0.42, 0.43), None), {}),  # small
        ((range(FRAMES), STILL, 15), {CHANGED: 1}),
        ((range(2), STILL, None), {}),  # a false detection
    ],
)
def test_events_of_one_vehicle(vehicle: tuple, expected: dict[str, int]) -> None:
    found = events(vehicle)
    assert found.events == {VANISHED: 0, APPEARED: 0, CHANGED: 0} | expected


def test_a_hidden_vehicle_does_not_vanish() -> None:
    behind, nearer = (range(20), STILL, None), (range(15, FRAMES), (0.38, 0.35, 0.6, 0.8), None)
    found = events(behind, nearer)
    assert found.events[VANISHED] == 0
    assert found.events[APPEARED] == 1


def test_seconds_are_those_of_vehicles_that_count() -> None:
    found = events((range(FRAMES), STILL, None), (range(10), (0.0, 0.4, 0.2, 0.6), None))
    assert found.vehicle_s == pytest.approx(3.0)
    assert found.vehicles_per_frame == pytest.approx(40 / FRAMES)


def test_a_video_without_vehicles_has_no_events() -> None:
    found = events()
    assert (found.vehicle_s, sum(found.events.values())) == (0, 0)
