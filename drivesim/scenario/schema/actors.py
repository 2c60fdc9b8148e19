"""Actors and the ego in scenario files, in metres, and their trajectories."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from drivesim.geometry.profiles import Profile
from drivesim.geometry.reference_lines import LineTrajectory
from drivesim.geometry.sampled_trajectories import SampledTrajectory
from drivesim.geometry.trajectories import Trajectory
from drivesim.scenario.schema.manoeuvres import (
    ActorManoeuvre,
    EgoManoeuvre,
    lane_changes,
    speed_changes,
)
from drivesim.scenario.schema.road import Road
from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel
from drivesim.scenario.schema.trajectory import GivenTrajectory, sampled
from drivesim.scenario.schema.vocabulary import VehicleCategory, VehicleColour
from drivesim.scenario.text.problems import FieldPath

MAX_ACTORS = 64
Motion = Trajectory | LineTrajectory | SampledTrajectory
MAX_MANOEUVRES = 16
_ALONG = 1e-3
"""A vehicle follows the road if the sine of the angle between its heading and the road's is smaller than this."""

DEFAULT_SIZE_M = {"car": (4.6, 1.9, 1.5), "van": (5.5, 2.1, 2.3), "truck": (9.0, 2.5, 3.5), "bus": (12.0, 2.55, 3.1)}
"""Usual length, width and height of each category, in metres."""


class Size(StrictModel):
    """Outer dimensions of a vehicle; by default those that are usual for its category."""

    length_m: float | None = Field(default=None, ge=1, le=30, description="Length in metres.")
    width_m: float | None = Field(default=None, ge=0.5, le=5, description="Width in metres.")
    height_m: float | None = Field(default=None, ge=0.5, le=6, description="Height in metres.")


class Ego(StrictModel):
    """The vehicle that carries the camera."""

    speed_mps: float = Field(default=10.0, ge=0, le=90, description="Speed in the first frame, in m/s.")
    manoeuvres: Annotated[tuple[EgoManoeuvre, ...], Field(strict=False, max_length=MAX_MANOEUVRES)] = Field(
        default=(), description="What the ego does; without manoeuvres it keeps its lane and speed."
    )
    trajectory: GivenTrajectory | None = Field(
        default=None,
        description="Instead of `speed_mps` and `manoeuvres`: rows of time_s, distance_m, lateral_m, heading_deg of the"
        " camera, or a CSV file of them; the first row is at 0 s and 0 m.",
    )

    @model_validator(mode="after")
    def _motion_given_once(self) -> Ego:
        if self.trajectory is None:
            return self
        problems = _given_twice(self, {"speed_mps", "manoeuvres"})
        if any(self.trajectory[0][:2]):
            time_s, distance_m = self.trajectory[0][:2]
            message = "expected the ego to begin at 0 s with a distance of 0 m, because distances count from there"
            problems.append((("trajectory", 0), f"{message}, got {time_s:g} s and {distance_m:g} m"))
        if problems:
            raise InvalidFieldsError(problems)
        return self

    def path(self, road: Road) -> Motion:
        """Returns the motion of the camera.

        Without a trajectory, the camera is at (0, 0) in the first frame and looks along the road.
        """
        if self.trajectory is not None:
            return sampled(self.trajectory, road.line)
        turned, targets = 0.0, []
        for manoeuvre in sorted(self.manoeuvres, key=lambda m: m.start_s):
            if manoeuvre.angle_deg is not None:
                turned += float(np.deg2rad(manoeuvre.angle_deg))
                targets.append((manoeuvre.start_s, manoeuvre.lasts_s, turned))
        changes = [(start, lasts, road.lateral_m(lane)) for start, lasts, lane in lane_changes(self.manoeuvres, 0)]
        speed = Profile.through(self.speed_mps, speed_changes(self.manoeuvres, self.speed_mps))
        lateral = Profile.through(0.0, changes)
        if road.curve is not None:
            return LineTrajectory(road.line, 0.0, speed, lateral)
        return Trajectory((0.0, 0.0), 0.0, speed, lateral, Profile.through(0.0, targets))


class Actor(StrictModel):
    """One vehicle, placed in metres. Without `manoeuvres`, only its place in the first frame is given."""

    id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$",
        description="Name in messages and pictures; by default the category and the position in the list.",
    )
    category: VehicleCategory = Field(description="What the vehicle is.")
    distance_m: float | None = Field(
        default=None,
        ge=-200,
        le=300,
        description="Distance in the first frame, in metres along the road from the camera to the vehicle's near end.",
    )
    lane: int | None = Field(
        default=None,
        ge=-16,
        le=16,
        description="Lane: 0 is the ego's, 1 the next to the left, -1 the next to the right; by default 0.",
    )
    lateral_m: float | None = Field(
        default=None, ge=-60, le=60, description="Metres to the left of the ego lane's middle, instead of `lane`."
    )
    heading_deg: float | None = Field(
        default=None,
        ge=-180,
        le=180,
        description="Degrees to the left of the road's direction; by default along the lane, so 180 in oncoming lanes.",
    )
    size: Size = Field(default=Size(), description="Outer dimensions in metres.")
    colour: VehicleColour | None = Field(
        default=None, description="Coarse colour (silver is grey, orange is yellow); null leaves it to the model."
    )
    speed_mps: float | None = Field(
        default=None, ge=0, le=90, description="Speed in the first frame, in m/s; by default the ego's."
    )
    manoeuvres: Annotated[tuple[ActorManoeuvre, ...], Field(strict=False, max_length=MAX_MANOEUVRES)] = Field(
        default=(), description="What the actor does; the models are then conditioned on its boxes in every frame."
    )
    trajectory: GivenTrajectory | None = Field(
        default=None,
        description="Instead of place, speed and manoeuvres: rows of time_s, distance_m, lateral_m, heading_deg, or a"
        " CSV file of them. The vehicle exists from the first row to the last.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Actor:
        if self.trajectory is not None:
            moved = {"distance_m", "lane", "lateral_m", "heading_deg", "speed_mps", "manoeuvres"}
            if problems := _given_twice(self, moved):
                raise InvalidFieldsError(problems)
            return self
        if self.distance_m is None:
            raise InvalidFieldsError([((), "`distance_m` is missing")])
        if self.lane is not None and self.lateral_m is not None:
            message = "`lateral_m`: `lane` already says where the actor is; remove one of the two"
            raise InvalidFieldsError([(("lateral_m",), message)])
        return self

    @property
    def steered(self) -> bool:
        """Whether the models are conditioned on its boxes in every frame."""
        return bool(self.manoeuvres) or self.trajectory is not None

    @property
    def size_m(self) -> tuple[float, float, float]:
        """Length, width and height."""
        given = (self.size.length_m, self.size.width_m, self.size.height_m)
        usual = DEFAULT_SIZE_M[self.category]
        length, width, height = (u if g is None else g for g, u in zip(given, usual, strict=True))
        return length, width, height

    def start_lateral_m(self, road: Road) -> float:
        """Returns the place in the first frame, in metres to the left of the ego lane's middle."""
        if self.trajectory is not None:
            return self.trajectory[0][2]
        return road.lateral_m(self.lane or 0) if self.lateral_m is None else self.lateral_m

    def heading(self, road: Road) -> float:
        """Returns the heading in the first frame, in radians to the left of the ego's."""
        if self.trajectory is not None:
            first = sampled(self.trajectory, road.line)
            return float(first.at(first.times_s[0]).heading_rad - road.line.heading(first.stations_m[0]))
        if self.heading_deg is not None:
            return float(np.deg2rad(self.heading_deg))
        kinds = {manoeuvre.type for manoeuvre in self.manoeuvres}
        lateral = self.start_lateral_m(road)
        if "cross" in kinds:
            return -np.pi / 2 if lateral > 0 else np.pi / 2
        return np.pi if "oncoming" in kinds or road.is_oncoming(lateral) else 0.0

    def path(self, road: Road, ego_speed_mps: float) -> Motion:
        """Returns the motion of the vehicle's middle.

        The vehicle follows a curve of the road unless it has a heading of its own.
        """
        if self.trajectory is not None:
            resting = np.pi if road.is_oncoming(self.trajectory[0][2]) else 0.0
            return sampled(self.trajectory, road.line, self.size_m[0] / 2, resting)
        heading, lateral = self.heading(road), self.start_lateral_m(road)
        length, width, _ = self.size_m
        reach = (abs(np.cos(heading)) * length + abs(np.sin(heading)) * width) / 2
        start_speed = ego_speed_mps if self.speed_mps is None else self.speed_mps
        speed = Profile.through(start_speed, speed_changes(self.manoeuvres, start_speed))
        # The vehicle's left is the ego's left if both drive the same way, and the ego's right if it is oncoming.
        side = 1 if np.cos(heading) >= 0 else -1
        lanes = lane_changes(self.manoeuvres, lateral / road.lane_width_m)
        changes = [(start, lasts, side * road.lateral_m(lane)) for start, lasts, lane in lanes]
        shift, station = Profile.through(side * lateral, changes), (self.distance_m or 0.0) + reach
        if road.curve is None:
            return Trajectory((-lateral, station), heading, speed, shift)
        if abs(np.sin(heading)) < _ALONG:
            return LineTrajectory(road.line, station, speed, shift, side)
        place = road.line.position(np.array(station), lateral)
        turned = heading + float(road.line.heading(np.array(station)))
        return Trajectory((float(place[0]), float(place[1])), turned, speed, shift)


def _given_twice(holder: Ego | Actor, others: set[str]) -> list[tuple[FieldPath, str]]:
    """Returns a problem for each of the fields `others` that is given although a trajectory replaces it."""
    given = sorted(name for name in others & holder.model_fields_set if getattr(holder, name) not in (None, ()))
    return [((name,), f"`{name}`: `trajectory` already says it; remove one of the two") for name in given]
