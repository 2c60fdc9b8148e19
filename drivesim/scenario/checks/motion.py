"""Speeds, accelerations and manoeuvres of actors and the ego."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry.reference_lines import LineTrajectory
from drivesim.geometry.trajectories import Trajectory
from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2, MAX_SPEED_MPS
from drivesim.scenario.schema.actors import Actor, Ego
from drivesim.scenario.schema.manoeuvres import lane_changes, speed_changes
from drivesim.scenario.text.problems import FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario

_SHARES = np.linspace(0.0, 1.0, 61)
_MAX_DRIFT = 0.6
"""Metres to the side for each metre ahead."""

Path = Trajectory | LineTrajectory
_Found = Iterator[tuple[str, FieldPath, str]]


def motion_findings(scenario: Scenario) -> _Found:
    """(code, path, message) of what no vehicle can do, and of manoeuvres that never happen."""
    if scenario.ego is not None and scenario.ego.trajectory is None:
        yield from _motion(("ego",), "the ego", "car", scenario.ego, scenario.ego_trajectory, scenario.duration_s)
        if isinstance(scenario.ego_trajectory, LineTrajectory):
            yield from _in_the_curve(("ego",), "the ego", scenario.ego_trajectory, scenario.duration_s)
    scene = scenario.scene
    for index, actor in enumerate(scenario.actors or ()):
        if actor.trajectory is not None:
            continue
        path, name, trajectory = ("actors", index), scene.id_of(index), scene.trajectories[index]
        yield from _motion(path, name, actor.category, actor, trajectory, scenario.duration_s)
        if actor.manoeuvres and isinstance(trajectory, LineTrajectory):
            yield from _in_the_curve(path, name, trajectory, scenario.duration_s)


def _motion(path: FieldPath, name: str, category: str, who: Actor | Ego, trajectory: Path, duration_s: float) -> _Found:
    fastest = MAX_SPEED_MPS[category]
    if who.speed_mps is not None and who.speed_mps > fastest:
        yield "E103", (*path, "speed_mps"), _too_fast(name, who.speed_mps, category)
    yield from _at_the_same_time((*path, "manoeuvres"), who.manoeuvres)
    if not who.manoeuvres:
        return
    lasts = np.array([manoeuvre.lasts_s for manoeuvre in who.manoeuvres])[:, None]
    times = np.array([manoeuvre.start_s for manoeuvre in who.manoeuvres])[:, None] + lasts * _SHARES
    speeds, sideways = trajectory.speed_mps.value(times), trajectory.lateral_m.rate(times)
    slides = (np.abs(sideways) > np.maximum(_MAX_DRIFT * speeds, 0.3)).any(-1)
    across = np.gradient(sideways, _SHARES, axis=-1) / lasts + speeds * trajectory.turn_rad.rate(times)
    accelerations = np.hypot(trajectory.speed_mps.rate(times), across).max(-1)
    for index, manoeuvre in enumerate(who.manoeuvres):
        place = (*path, "manoeuvres", index)
        if manoeuvre.start_s >= duration_s:
            begins = f"begins at {manoeuvre.start_s:g} s, but the scene ends at {duration_s:g} s"
            yield "W210", (*place, "start_s"), f"`{manoeuvre.type}` of {name} {begins}"
        if manoeuvre.speed_mps is not None and manoeuvre.speed_mps > fastest:
            yield "E103", (*place, "speed_mps"), _too_fast(name, manoeuvre.speed_mps, category)
        if slides[index]:
            text = f"{name} would slide sideways in `{manoeuvre.type}`; give it more time or more speed"
            yield "E105", place, text
            continue
        most = float(accelerations[index])
        text = f"`{manoeuvre.type}` of {name} takes {most:.1f} m/s²; give it more than {manoeuvre.lasts_s:g} s"
        if most > MAX_ACCELERATION_MPS2:
            yield "E104", place, f"{text}: no tyre gives more than {MAX_ACCELERATION_MPS2:g}"
        elif most > HARD_ACCELERATION_MPS2:
            yield "W209", place, f"{text} if it is no emergency"


def _in_the_curve(path: FieldPath, name: str, trajectory: LineTrajectory, duration_s: float) -> _Found:
    times = np.linspace(0.0, duration_s, 121)
    most = float(np.abs(trajectory.sideways_acceleration(times)).max())
    text = f"{name} takes {most:.1f} m/s² in the curve"
    if most > MAX_ACCELERATION_MPS2:
        yield "E104", path, f"{text}: no tyre gives more than {MAX_ACCELERATION_MPS2:g}; slow down, or widen it"
    elif most > HARD_ACCELERATION_MPS2:
        yield "W209", path, f"{text}, as in an emergency; slow down, or widen it"


def _too_fast(name: str, speed_mps: float, category: str) -> str:
    return f"{name} goes {speed_mps:g} m/s; expected at most {MAX_SPEED_MPS[category]:g} of a {category}"


def _at_the_same_time(path: FieldPath, manoeuvres: Sequence) -> _Found:
    for what, changes_of in (("speed", speed_changes), ("lane", lane_changes), ("heading", _turns)):
        spans = [
            (index, min(start for start, *_ in changes), max(start + lasts for start, lasts, _ in changes))
            for index, manoeuvre in enumerate(manoeuvres)
            if (changes := changes_of((manoeuvre,), 0.0))
        ]
        for first, second in combinations(sorted(spans, key=lambda span: span[1:]), 2):
            if second[1] < first[2] - 1e-9:
                types = f"`{manoeuvres[first[0]].type}` and `{manoeuvres[second[0]].type}`"
                until = f"the first lasts until {first[2]:g} s, the second begins at {second[1]:g} s"
                yield "E106", (*path, second[0]), f"{types} change the {what} at the same time: {until}"


def _turns(manoeuvres: Sequence, _: float) -> list[tuple[float, float, float]]:
    return [(m.start_s, m.lasts_s, 0.0) for m in manoeuvres if m.type == "turn"]
