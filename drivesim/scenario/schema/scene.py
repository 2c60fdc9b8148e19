"""The actors of a scenario at any time: where they are, and what the camera sees of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import corners, footprint, projected, seen_from
from drivesim.scenario.schema.actors import Actor, Ego, Motion
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.vocabulary import (
    CATEGORIES,
    FRAME_EXTENT_PX,
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    MIN_BOX_SIDE,
    MIN_VISIBLE_FRACTION,
    MIN_VISIBLE_FRACTION_AT_EDGE,
)

MAX_DISTANCE_M = 230.0
"""The default models saw no label of anything farther away."""
# Times of frames are sums of fractions, so that they meet a given time only nearly.
_MOMENT_S = 1e-6
_AT_END_S = 0.1


@dataclass(frozen=True)
class ActorView:
    """One actor as the camera sees it; boxes (x0, y0, x1, y1) in pixels of the frame.

    `amodal_box` is of the whole vehicle, also where it is hidden or out of the frame; `visible_box` of the part in
    view, None for nothing; `visible_fraction` is the area in view over the whole. `distance_m` is that of the nearest
    corner on the ground.
    """

    index: int
    id: str
    category: str
    distance_m: float
    amodal_box: tuple[float, float, float, float]
    visible_box: tuple[float, float, float, float] | None
    visible_fraction: float

    @property
    def large_enough(self) -> bool:
        """Whether the models can be asked for it: those that are smaller, or more hidden, were no part of training."""
        if self.visible_box is None:
            return False
        x0, y0, x1, y1 = self.visible_box
        at_edge = x0 <= 1 or x1 >= FRAME_WIDTH_PX - 1
        least = MIN_VISIBLE_FRACTION_AT_EDGE if at_edge else MIN_VISIBLE_FRACTION
        side = max((x1 - x0) / FRAME_WIDTH_PX, (y1 - y0) / (2 * FRAME_HEIGHT_PX))
        return side >= MIN_BOX_SIDE and self.visible_fraction >= least and self.distance_m <= MAX_DISTANCE_M


@dataclass(frozen=True, eq=False)
class Scene:
    """Actors, ego, road and camera; a pure function from time to poses, boxes and layouts."""

    actors: tuple[Actor, ...]
    road: Road
    camera: PinholeCamera
    ego: Motion
    trajectories: tuple[Motion, ...]
    duration_s: float = math.inf

    @classmethod
    def of(cls, actors: Sequence[Actor], ego: Ego, road: Road, camera: Camera, duration_s: float = math.inf) -> Scene:
        """The scene that these parts of a scenario file describe."""
        own = ego.path(road)
        speed = ego.speed_mps if ego.trajectory is None else float(own.at(np.array(0.0)).speed_mps)
        trajectories = tuple(actor.path(road, speed) for actor in actors)
        return cls(tuple(actors), road, camera.pinhole(), own, trajectories, duration_s)

    @property
    def steered(self) -> bool:
        """Whether any actor has a manoeuvre or a trajectory."""
        return any(actor.steered for actor in self.actors)

    def present(self, index: int, times_s: np.ndarray) -> np.ndarray:
        """Whether an actor exists at times `...`: from the first row of its trajectory to the last, if it has one.

        Where the last row is at the end of the scene, it goes on, because models look a little beyond that end.
        """
        times_s, rows = np.asarray(times_s, dtype=float), self.actors[index].trajectory
        if rows is None:
            return np.ones(times_s.shape, dtype=bool)
        last = math.inf if rows[-1][0] >= self.duration_s - _AT_END_S else rows[-1][0]
        return (times_s >= rows[0][0] - _MOMENT_S) & (times_s <= last + _MOMENT_S)

    def id_of(self, index: int) -> str:
        """The actor's own id, or one made of its category and place."""
        return self.actors[index].id or f"{self.actors[index].category}_{index}"

    def footprints(self, index: int, times_s: np.ndarray) -> np.ndarray:
        """Corners `... 4 2` of an actor on the ground at times `...`."""
        poses = self.trajectories[index].at(times_s)
        return footprint(poses.position_m, poses.heading_rad, *self.actors[index].size_m[:2])

    def views(self, time_s: float) -> tuple[ActorView, ...]:
        """The actors that reach into the space before the camera, nearest first."""
        from drivesim.geometry.visibility import sights  # loads shapely, which most scenarios do without

        ego = self.ego.at(time_s)
        found: list[tuple[float, int, np.ndarray]] = []
        for index, (actor, trajectory) in enumerate(zip(self.actors, self.trajectories, strict=True)):
            if not self.present(index, np.array(time_s)):
                continue
            pose = trajectory.at(time_s)
            points = seen_from(
                corners(pose.position_m, pose.heading_rad, actor.size_m), ego.position_m, ego.heading_rad
            )
            shape = projected(points, self.camera)
            if shape is not None:
                found.append((float(np.hypot(points[:, 0], points[:, 1]).min()), index, shape))
        found.sort(key=lambda entry: entry[:2])
        seen = sights([shape for _, _, shape in found], FRAME_WIDTH_PX, FRAME_HEIGHT_PX)
        return tuple(
            ActorView(
                index,
                self.id_of(index),
                self.actors[index].category,
                distance,
                sight.amodal_box,
                sight.visible_box,
                sight.visible_fraction,
            )
            for (distance, index, _), sight in zip(found, seen, strict=True)
        )

    def layout(self, time_s: float) -> SceneLayout:
        """The boxes that the models are told of one frame: visible parts, nearest first."""
        told = [view for view in self.views(time_s) if view.large_enough]
        return SceneLayout(
            xyxy=(np.array([view.visible_box for view in told]).reshape(-1, 4) / FRAME_EXTENT_PX).astype(np.float32),
            category=np.array([CATEGORIES.index(view.category) for view in told], dtype=np.int64),
        )
