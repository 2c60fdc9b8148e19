"""Checks of places: whether actors are on the road, in view, and clear of each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry.cuboids import footprint, rectangles_overlap
from drivesim.geometry.requestable import MIN_VISIBLE_FRACTION
from drivesim.scenario.schema.actors import DEFAULT_SIZE_M
from drivesim.scenario.schema.scene import ActorView, Scene
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from drivesim.scenario.text.problems import MAX_SHOWN, FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario

_STEP_S, _MAX_STEPS = 0.1, 300
"""Spacing of the moments at which places are compared, and the largest number of them."""
_MAX_VIEWS = 12
"""Number of moments at which actors that are out of sight in the first frame are looked for."""
_MIN_COS_ALONG = 0.9
"""A vehicle drives along the road if the cosine of the angle between their headings is at least this."""
_MIN_INSIDE = 0.1
"""A vehicle is in the frame if at least this fraction of its width is inside."""
_NOWHERE_M = 1e7
"""A vehicle is put this far away at times at which it does not exist, so that it touches nothing."""
EGO_AHEAD_M = 1.8
"""Length of the part of the ego that is ahead of the camera, which is mounted behind the windscreen."""

_Found = Iterator[tuple[str, FieldPath, str]]


def place_findings(scenario: Scenario) -> _Found:
    """Yields code, path and message of actors that overlap, leave the road or cannot be seen, and of crowdedness."""
    scene = scenario.scene
    if scene is None or not scene.actors:
        if scenario.actors is not None and scenario.crowdedness:
            yield "W207", ("crowdedness",), f"`crowdedness` is {scenario.crowdedness}, but there are no actors"
        return
    steps = min(_MAX_STEPS, int(np.ceil(scenario.duration_s / _STEP_S))) if scene.steered else 0
    times = np.linspace(0.0, scenario.duration_s if scene.steered else 0.0, steps + 1)
    overlaps = list(islice(_overlaps(scene, times), MAX_SHOWN))
    yield from overlaps
    if any(code.startswith("E") for code, *_ in overlaps):
        return  # the other checks give warnings, which nobody sees beside errors
    yield from _beside_the_road(scene, times)
    yield from _out_of_sight(scene, times)
    in_view = sum(view.may_be_requested for view in scene.views(0.0))
    if scenario.crowdedness is not None and scenario.crowdedness != in_view:
        counted = f"{in_view} of {len(scene.actors)} actors can be seen in the first frame"
        yield "W207", ("crowdedness",), f"`crowdedness` is {scenario.crowdedness}, but {counted}"


def _overlaps(scene: Scene, times: np.ndarray) -> _Found:
    shapes = np.stack([scene.footprints(index, times) for index in range(len(scene.actors))])
    for index in range(len(scene.actors)):
        shapes[index, ~scene.present(index, times)] += _NOWHERE_M * (index + 1)
    middles, reach = shapes.mean(-2), np.array([np.hypot(*actor.size_m[:2]) / 2 for actor in scene.actors])
    ego = scene.ego.at(times)
    length, width, _ = DEFAULT_SIZE_M["car"]
    forward = np.stack([-np.sin(ego.heading_rad), np.cos(ego.heading_rad)], -1)
    own = footprint(ego.position_m + forward * (EGO_AHEAD_M - length / 2), ego.heading_rad, length, width)
    for index in range(len(scene.actors)):
        steered, name = scene.actors[index].steered, scene.id_of(index)
        hits = np.flatnonzero(rectangles_overlap(shapes[index], own))
        if len(hits) and hits[0] == 0:
            yield "E102", ("actors", index), f"{name} is where the ego is in the first frame"
        elif len(hits) and steered:
            yield "W211", ("actors", index), f"{name} collides with the ego at {times[hits[0]]:.1f} s"
        gaps = np.linalg.norm(middles[:index] - middles[index], axis=-1)
        near = gaps < (reach[:index] + reach[index])[:, None]
        for other in map(int, np.flatnonzero(near.any(-1))):
            close = np.flatnonzero(near[other])
            hits = close[rectangles_overlap(shapes[index, close], shapes[other, close])]
            moves = steered or scene.actors[other].steered
            if len(hits) and (hits[0] == 0 or moves):
                when = "in the first frame" if hits[0] == 0 else f"at {times[hits[0]]:.1f} s"
                yield "E101", ("actors", index), f"{name} overlaps {scene.id_of(other)} {when}"


def _beside_the_road(scene: Scene, times: np.ndarray) -> _Found:
    right, left = scene.road.edges_m
    for index, (actor, trajectory) in enumerate(zip(scene.actors, scene.trajectories, strict=True)):
        if abs(np.cos(actor.heading(scene.road))) < _MIN_COS_ALONG:
            continue  # a vehicle that crosses, or waits to cross, comes from beside the road
        moments = times[scene.present(index, times)] if actor.steered else times[:1]
        _, lateral = scene.road.line.project(trajectory.at(moments).position_m)
        outside = np.flatnonzero((lateral < right) | (lateral > left))
        if len(outside):
            place, when = lateral[outside[0]], moments[outside[0]]
            where = f"{place:+.1f} m, and the road reaches from {right:+.1f} to {left:+.1f} m"
            yield "W208", ("actors", index), f"{scene.id_of(index)} is beside the road at {when:.1f} s: {where}"


def _out_of_sight(scene: Scene, times: np.ndarray) -> _Found:
    moments = times[:: max(1, len(times) // _MAX_VIEWS)]
    first = {view.index: view for view in scene.views(0.0)}
    unseen = {index for index in range(len(scene.actors)) if index not in first or not first[index].may_be_requested}
    if any(scene.actors[index].steered for index in unseen):
        for time in moments[1:]:
            unseen -= {v.index for v in scene.views(time) if v.may_be_requested and scene.actors[v.index].steered}
    for index in sorted(unseen):
        code, why = _reason(first.get(index))
        when = "" if scene.actors[index].steered else " in the first frame"
        yield code, ("actors", index), f"{scene.id_of(index)} {why}{when}, so the models are not asked for it"


def _reason(view: ActorView | None) -> tuple[str, str]:
    if view is None:
        return "W204", "is out of the frame"
    x0, y0, x1, y1 = view.amodal_box
    if min(x1, FRAME_WIDTH_PX) - max(x0, 0) < _MIN_INSIDE * (x1 - x0) or min(y1, FRAME_HEIGHT_PX) <= max(y0, 0):
        return "W204", "is out of the frame"
    if view.visible_box is None or view.visible_fraction < MIN_VISIBLE_FRACTION:
        return "W205", f"is hidden by others ({view.visible_fraction:.0%} can be seen)"
    x0, y0, x1, y1 = view.visible_box
    return "W206", f"is too small in the frame ({x1 - x0:.0f}×{y1 - y0:.0f} px in view, {view.distance_m:.0f} m away)"
