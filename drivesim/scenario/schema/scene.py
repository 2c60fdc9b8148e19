"""The actors of a scenario at any time: where they are, and how much of them the camera sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import corners, footprint, projected, seen_from
from drivesim.geometry.headings import from_line_of_sight
from drivesim.geometry.requestable import MAX_DISTANCE_M, is_cut_off, may_be_requested
from drivesim.scenario.schema.actors import Actor, Ego, Motion
from drivesim.scenario.schema.layout import SceneLayout, colour_indices
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.road_markings import road_view
from drivesim.scenario.schema.road_view import RoadView
from drivesim.scenario.schema.vocabulary import (
    CATEGORIES,
    FRAME_EXTENT_PX,
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    VehicleCategory,
)

_MOMENT_S = 1e-6
"""Times of frames are sums of fractions, so they meet a given time only nearly."""
_AT_END_S = 0.1
"""A trajectory that ends so shortly before the scene lasts until its end."""


@dataclass(frozen=True)
class ActorView:
    """One actor as the camera sees it; boxes are (x0, y0, x1, y1) in pixels of the frame.

    Attributes:
        index: Position in the list of actors.
        id: Name in messages and pictures.
        category: What the vehicle is.
        distance_m: Distance to its nearest corner on the ground.
        amodal_box: Box around the whole vehicle, including what is hidden or outside the frame.
        visible_box: Box around the visible part, or None if nothing is visible.
        visible_fraction: Visible area, as a fraction of the area of the whole vehicle.
    """

    index: int
    id: str
    category: VehicleCategory
    distance_m: float
    amodal_box: tuple[float, float, float, float]
    visible_box: tuple[float, float, float, float] | None
    visible_fraction: float

    @property
    def may_be_requested(self) -> bool:
        """Whether the models can be asked for it; smaller, more hidden or more distant vehicles were never trained."""
        if self.visible_box is None or self.distance_m > MAX_DISTANCE_M:
            return False
        xyxy = np.array(self.visible_box) / FRAME_EXTENT_PX
        cut_off = is_cut_off(self.visible_box[0], self.visible_box[2], FRAME_WIDTH_PX)
        return bool(may_be_requested(xyxy, self.visible_fraction, cut_off))


@dataclass(frozen=True, eq=False)
class Scene:
    """Actors, ego, road and camera: a pure function from time to poses, boxes and layouts."""

    actors: tuple[Actor, ...]
    road: Road
    camera: PinholeCamera
    ego: Motion
    trajectories: tuple[Motion, ...]
    duration_s: float = math.inf

    @classmethod
    def of(cls, actors: Sequence[Actor], ego: Ego, road: Road, camera: Camera, duration_s: float = math.inf) -> Scene:
        """Returns the scene that these parts of a scenario file describe."""
        own = ego.path(road)
        speed = ego.speed_mps if ego.trajectory is None else float(own.at(np.array(0.0)).speed_mps)
        trajectories = tuple(actor.path(road, speed) for actor in actors)
        return cls(tuple(actors), road, camera.pinhole(), own, trajectories, duration_s)

    @property
    def steered(self) -> bool:
        """Whether any actor has a manoeuvre or a trajectory, so that the models get boxes in every frame."""
        return any(actor.steered for actor in self.actors)

    def present(self, index: int, times_s: ArrayLike) -> np.ndarray:
        """Returns whether an actor exists at times `...`.

        One with a trajectory exists from its first row to its last. If the last row is at the end of the scene, it goes
        on, because models look a little beyond that end.
        """
        times, rows = np.asarray(times_s, dtype=float), self.actors[index].trajectory
        if rows is None:
            return np.ones(times.shape, dtype=bool)
        last = math.inf if rows[-1][0] >= self.duration_s - _AT_END_S else rows[-1][0]
        return (times >= rows[0][0] - _MOMENT_S) & (times <= last + _MOMENT_S)

    def id_of(self, index: int) -> str:
        """Returns the actor's own id, or one made of its category and position in the list."""
        return self.actors[index].id or f"{self.actors[index].category}_{index}"

    def footprints(self, index: int, times_s: ArrayLike) -> np.ndarray:
        """Returns the corners `... 4 2` of an actor on the ground at times `...`."""
        poses = self.trajectories[index].at(times_s)
        return footprint(poses.position_m, poses.heading_rad, *self.actors[index].size_m[:2])

    def views(self, time_s: float) -> tuple[ActorView, ...]:
        """Returns the views of all actors in front of the camera, nearest first."""
        from drivesim.geometry.visibility import sights  # here, because most scenarios do not need shapely

        ego = self.ego.at(time_s)
        found: list[tuple[float, int, np.ndarray]] = []
        for index, (actor, trajectory) in enumerate(zip(self.actors, self.trajectories, strict=True)):
            if not self.present(index, time_s):
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
        """Returns the boxes that the models are conditioned on in one frame: visible parts, nearest first."""
        requested = [view for view in self.views(time_s) if view.may_be_requested]
        pixels = np.array([view.visible_box for view in requested]).reshape(-1, 4)
        return SceneLayout(
            xyxy=(pixels / FRAME_EXTENT_PX).astype(np.float32),
            category=np.array([CATEGORIES.index(view.category) for view in requested], dtype=np.int64),
            heading_rad=np.array([self.heading_in_view(view.index, time_s) for view in requested], np.float32),
            colour=colour_indices([self.actors[view.index].colour for view in requested]),
        )

    def heading_in_view(self, index: int, time_s: float) -> float:
        """Returns the heading of an actor relative to the line of sight to it, in radians, positive to the left."""
        pose, eye = self.trajectories[index].at(time_s), self.ego.at(time_s)
        right, forward = pose.position_m - eye.position_m
        return float(from_line_of_sight(pose.heading_rad, np.arctan2(-right, forward)))

    def road_view(self, time_s: float) -> RoadView:
        """Returns the road in one frame, as the models are conditioned on it."""
        ego = self.ego.at(time_s)
        return road_view(self.road, ego.position_m, ego.heading_rad, self.camera)
