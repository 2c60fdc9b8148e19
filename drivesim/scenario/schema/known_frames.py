"""The frames of a scenario whose vehicles are known before any sampling."""

from __future__ import annotations

from drivesim.scenario.schema.scenario import Scenario

MAX_KNOWN_FRAMES = 6000


def known_times(scenario: Scenario, fps: float) -> list[float]:
    """Seconds of each frame at `fps`: the whole duration where an actor is steered, else only the first frame.

    At most `MAX_KNOWN_FRAMES` of them.
    """
    scene = scenario.scene
    steered = scene is not None and scene.steered
    num_frames = min(MAX_KNOWN_FRAMES, max(1, round(scenario.duration_s * fps))) if steered else 1
    return [number / fps for number in range(num_frames)]
