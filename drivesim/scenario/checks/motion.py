"""Checks of speeds, accelerations and manoeuvres of actors and the ego."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry.reference_lines import LineTrajectory
from drivesim.geometry.sampled_trajectories import SampledTrajectory
from drivesim.geometry.trajectories import Trajectory
from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2, MAX_SPEED_MPS
from drivesim.scenario.schema.actors import Actor, Ego
from drivesim.scenario.schema.manoeuvres import Change, Manoeuvre, lane_changes, speed_changes
from drivesim.scenario.schema.vocabulary import VehicleCategory
from drivesim.scenario.text.problems import FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario

_FRACTIONS = np.linspace(0.0, 1.0, 61)
"""Where a manoeuvre is looked at, as fractions of its duration."""
_NUM_CURVE_SAMPLES = 121
_MAX_DRIFT, _MAX_STANDING_DRIFT_MPS = 0.6, 0.3
"""Largest sideways motion per metre ahead, and the largest sideways speed of a vehicle that stands."""

Path = Trajectory | LineTrajectory
_Found = Iterator[tuple[str, FieldPath, str]]


def motion_findings(scenario: Scenario) -> _Found:
    """Yields code, path and message of motions that no vehicle can make, and of manoeuvres that never happen."""
    duration_s = scenario.duration_s
    own = scenario.ego_trajectory
    if scenario.ego is not None and not isinstance(own, SampledTrajectory):
        yield from _motion(("ego",), _Mover("the ego", "car", scenario.ego, own), duration_s)
        if isinstance(own, LineTrajectory):
            yield from _in_the_curve(("ego",), "the ego", own, duration_s)
    scene = scenario.scene
    if scene is None:
        return
    for index, (actor, trajectory) in enumerate(zip(scene.actors, scene.trajectories, strict=True)):
        if isinstance(trajectory, SampledTrajectory):
            continue  # checked by `trajectories.py`
        path, name = ("actors", index), scene.id_of(index)
        yield from _motion(path, _Mover(name, actor.category, actor, trajectory), duration_s)
        if actor.manoeuvres and isinstance(trajectory, LineTrajectory):
            yield from _in_the_curve(path, name, trajectory, duration_s)


@dataclass(frozen=True)
class _Mover:
    """An actor or the ego, with its name in messages and what it can do at most."""

    name: str
    category: VehicleCategory
    said: Actor | Ego
    trajectory: Path


def _motion(path: FieldPath, mover: _Mover, duration_s: float) -> _Found:
    name, manoeuvres, trajectory = mover.name, mover.said.manoeuvres, mover.trajectory
    fastest, speed_mps = MAX_SPEED_MPS[mover.category], mover.said.speed_mps
    if speed_mps is not None and speed_mps > fastest:
        yield "E103", (*path, "speed_mps"), _too_fast(mover, speed_mps)
    overlapping = list(_at_the_same_time((*path, "manoeuvres"), manoeuvres))
    yield from overlapping
    if not manoeuvres:
        return
    lasts = np.array([manoeuvre.lasts_s for manoeuvre in manoeuvres])[:, None]
    times = np.array([manoeuvre.start_s for manoeuvre in manoeuvres])[:, None] + lasts * _FRACTIONS
    speeds, sideways = trajectory.speed_mps.value(times), trajectory.lateral_m.rate(times)
    slides = (np.abs(sideways) > np.maximum(_MAX_DRIFT * speeds, _MAX_STANDING_DRIFT_MPS)).any(-1)
    across = np.gradient(sideways, _FRACTIONS, axis=-1) / lasts + speeds * trajectory.turn_rad.rate(times)
    along = trajectory.speed_mps.rate(times)
    worst = np.hypot(along, across).argmax(-1)[:, None]
    along, across = (np.abs(np.take_along_axis(part, worst, -1))[:, 0] for part in (along, across))
    for index, manoeuvre in enumerate(manoeuvres):
        place = (*path, "manoeuvres", index)
        if manoeuvre.start_s >= duration_s:
            begins = f"begins at {manoeuvre.start_s:g} s, but the scene ends at {duration_s:g} s"
            yield "W210", (*place, "start_s"), f"`{manoeuvre.type}` of {name} {begins}"
        if manoeuvre.speed_mps is not None and manoeuvre.speed_mps > fastest:
            yield "E103", (*place, "speed_mps"), _too_fast(mover, manoeuvre.speed_mps)
        changes_speed, changes_place = _changes(manoeuvre)
        if slides[index] and changes_place:
            text = f"{name} would slide sideways in `{manoeuvre.type}`; give it more time or more speed"
            yield "E105", place, text
            continue
        # Of an acceleration that several manoeuvres cause, the one is blamed that causes most of it; where two of them
        # change the same quantity, there is no acceleration that both could have.
        if overlapping or not (changes_speed if along[index] >= across[index] else changes_place):
            continue
        most = float(np.hypot(along[index], across[index]))
        text = f"`{manoeuvre.type}` of {name} needs {most:.1f} m/s²; give it more than {manoeuvre.lasts_s:g} s"
        if most > MAX_ACCELERATION_MPS2:
            yield "E104", place, f"{text}, because no tyre provides more than {MAX_ACCELERATION_MPS2:g}"
        elif most > HARD_ACCELERATION_MPS2:
            yield "W209", place, f"{text} unless it is an emergency"


def _in_the_curve(path: FieldPath, name: str, trajectory: LineTrajectory, duration_s: float) -> _Found:
    times = np.linspace(0.0, duration_s, _NUM_CURVE_SAMPLES)
    most = float(np.abs(trajectory.sideways_acceleration(times)).max())
    text = f"{name} needs {most:.1f} m/s² in the curve"
    if most > MAX_ACCELERATION_MPS2:
        yield "E104", path, f"{text}, but no tyre provides more than {MAX_ACCELERATION_MPS2:g}; slow down, or widen it"
    elif most > HARD_ACCELERATION_MPS2:
        yield "W209", path, f"{text}, as in an emergency; slow down, or widen it"


def _too_fast(mover: _Mover, speed_mps: float) -> str:
    expected = f"expected at most {MAX_SPEED_MPS[mover.category]:g} for a {mover.category}"
    return f"{mover.name} drives {speed_mps:g} m/s; {expected}"


def _at_the_same_time(path: FieldPath, manoeuvres: Sequence[Manoeuvre]) -> _Found:
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


def _changes(manoeuvre: Manoeuvre) -> tuple[bool, bool]:
    """Returns whether a manoeuvre changes the speed, and whether it changes the lane or the heading."""
    moves = bool(lane_changes((manoeuvre,), 0.0)) or manoeuvre.type == "turn"
    return bool(speed_changes((manoeuvre,), 0.0)), moves


def _turns(manoeuvres: Sequence[Manoeuvre], _: float) -> list[Change]:
    return [(m.start_s, m.lasts_s, 0.0) for m in manoeuvres if m.type == "turn"]
