"""Checks speeds, accelerations and ends of trajectories that are given as positions over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry.sampled_trajectories import SampledTrajectory
from drivesim.scenario.checks.limits import HARD_ACCELERATION_MPS2, MAX_ACCELERATION_MPS2, MAX_SPEED_MPS
from drivesim.scenario.schema.actors import Motion
from drivesim.scenario.schema.trajectory import TrajectoryRows
from drivesim.scenario.text.problems import FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario

# Recorded positions are noisy: an acceleration is computed from the mean speeds of two spans of this length.
_SPAN_S = 0.3
_STEP_S, _MAX_STEPS = 0.1, 3000
_MAX_DRIFT = 0.6
_LEAST_DRIFT_MPS = 1.0

_Found = Iterator[tuple[str, FieldPath, str]]


def trajectory_findings(scenario: Scenario) -> _Found:
    """Returns (code, path, message) for motion that no vehicle can perform and for trajectories that end too early."""
    if scenario.ego is not None and scenario.ego.trajectory is not None:
        yield from _findings(("ego",), "the ego", "car", scenario.ego_trajectory)
        if scenario.ego.trajectory[-1][0] < scenario.duration_s - _STEP_S:
            ends = _ends("the ego", scenario.ego.trajectory, scenario, "it keeps its last velocity")
            yield "W212", ("ego", "trajectory"), ends
    if (scene := scenario.scene) is None:
        return
    for index, actor in enumerate(scene.actors):
        if (rows := actor.trajectory) is None:
            continue
        path, name = ("actors", index), scene.id_of(index)
        yield from _findings(path, name, actor.category, scene.trajectories[index])
        last_s = rows[-1][0]
        if rows[0][0] >= scenario.duration_s:
            begins = f"begins at {rows[0][0]:g} s, but the scene ends at {scenario.duration_s:g} s"
            yield "W210", (*path, "trajectory"), f"the trajectory of {name} {begins}"
        elif last_s < scenario.duration_s - _STEP_S and any(
            view.index == index and view.may_be_requested for view in scene.views(last_s)
        ):
            yield "W212", (*path, "trajectory"), _ends(name, rows, scenario, "it vanishes there while in view")


def _ends(name: str, rows: TrajectoryRows, scenario: Scenario, then: str) -> str:
    ends = f"ends at {rows[-1][0]:g} s, before the scene does, at {scenario.duration_s:g} s"
    return f"the trajectory of {name} {ends}: {then}"


def _findings(path: FieldPath, name: str, category: str, motion: Motion) -> _Found:
    assert isinstance(motion, SampledTrajectory), "only trajectories given as rows are checked here"
    times = motion.times_s
    places = motion.line.position(motion.stations_m, motion.offsets_m)
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=-1) / np.diff(times)
    fastest = MAX_SPEED_MPS[category]
    if len(speeds) and speeds.max() > fastest:
        row = int(speeds.argmax()) + 1
        way = (
            f"{name} goes {np.linalg.norm(places[row] - places[row - 1]):.1f} m in {times[row] - times[row - 1]:.3g} s"
        )
        text = f"{way}, {speeds[row - 1]:.0f} m/s; expected at most {fastest:g} m/s of a {category}"
        yield "E103", (*path, "trajectory", row), text
        return
    start, stop = motion.span_s
    if stop - start < 2 * _SPAN_S:
        return
    count = min(_MAX_STEPS, int((stop - start - 2 * _SPAN_S) / _STEP_S) + 1)
    moments = np.linspace(start + _SPAN_S, stop - _SPAN_S, count)
    before, now, after = (motion.at(moments + shift) for shift in (-_SPAN_S, 0.0, _SPAN_S))
    sizes = np.linalg.norm(after.position_m - 2 * now.position_m + before.position_m, axis=-1) / _SPAN_S**2
    most, when = float(sizes.max()), float(moments[sizes.argmax()])
    row = int(np.searchsorted(times, when, side="right")) - 1
    text = f"{name} takes {most:.1f} m/s² at {when:.1f} s"
    if most > MAX_ACCELERATION_MPS2:
        yield "E104", (*path, "trajectory", row), f"{text}: no tyre gives more than {MAX_ACCELERATION_MPS2:g}"
        return
    if most > HARD_ACCELERATION_MPS2:
        yield "W209", (*path, "trajectory", row), f"{text}, as in an emergency"
    velocity = (after.position_m - before.position_m) / (2 * _SPAN_S)
    cos, sin = np.cos(now.heading_rad), np.sin(now.heading_rad)
    ahead, left = velocity[:, 1] * cos - velocity[:, 0] * sin, -velocity[:, 0] * cos - velocity[:, 1] * sin
    slides = np.flatnonzero(np.abs(left) > np.maximum(_MAX_DRIFT * np.abs(ahead), _LEAST_DRIFT_MPS))
    if len(slides):
        row = int(np.searchsorted(times, moments[slides[0]], side="right")) - 1
        text = f"{name} would slide sideways at {moments[slides[0]]:.1f} s; its heading does not fit its motion"
        yield "E105", (*path, "trajectory", row), text
