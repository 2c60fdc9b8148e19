"""Actors and the ego in metres, as scenario files say it, and their trajectories."""

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
from drivesim.scenario.schema.strict import MisfittingFields, StrictModel
from drivesim.scenario.schema.trajectory import GivenTrajectory, sampled
from drivesim.scenario.schema.vocabulary import VehicleCategory
from drivesim.scenario.text.problems import FieldPath

MAX_ACTORS = 64
Motion = Trajectory | LineTrajectory | SampledTrajectory
MAX_MANOEUVRES = 16
# A heading so near to that of the road (sine of the angle) follows it.
_ALONG = 1e-3

# Length, width, height in metres.
DEFAULT_SIZE_M = {"car": (4.6, 1.9, 1.5), "van": (5.5, 2.1, 2.3), "truck": (9.0, 2.5, 3.5), "bus": (12.0, 2.55, 3.1)}


class Size(StrictModel):
    """Outer measures of a vehicle; what is left out is usual for its category."""

    length_m: float | None = Field(default=None, ge=1, le=30, description="Metres from front to rear.")
    width_m: float | None = Field(default=None, ge=0.5, le=5, description="Metres from side to side.")
    height_m: float | None = Field(default=None, ge=0.5, le=6, description="Metres from the road to the roof.")


class Ego(StrictModel):
    """The vehicle that carries the camera."""

    speed_mps: float = Field(default=10.0, ge=0, le=90, description="Speed in the first frame, in m/s.")
    manoeuvres: Annotated[tuple[EgoManoeuvre, ...], Field(strict=False, max_length=MAX_MANOEUVRES)] = Field(
        default=(), description="What the ego does; without any it keeps lane and speed."
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
        problems = _said_twice(self, {"speed_mps", "manoeuvres"})
        if any(self.trajectory[0][:2]):
            time_s, distance_m = self.trajectory[0][:2]
            message = "expected the ego to begin at 0 s with a distance of 0 m, because distances count from there"
            problems.append((("trajectory", 0), f"{message}, got {time_s:g} s and {distance_m:g} m"))
        if problems:
            raise MisfittingFields(problems)
        return self

    def path(self, road: Road) -> Motion:
        """Where the camera is over time; without a trajectory it begins at (0, 0), looking along the road."""
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
    """One vehicle in metres. Without `manoeuvres` it is only placed in the first frame."""

    id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$",
        description="Name in messages and pictures; without it, the category and the place in the list.",
    )
    category: VehicleCategory = Field(description="What the vehicle is.")
    distance_m: float | None = Field(
        default=None,
        ge=-200,
        le=300,
        description="Metres ahead of the camera, along the road, to the near end, in the first frame.",
    )
    lane: int | None = Field(
        default=None,
        ge=-16,
        le=16,
        description="Lane: 0 is the ego's, 1 the next one to the left, -1 to the right. Without it or `lateral_m`: 0.",
    )
    lateral_m: float | None = Field(
        default=None, ge=-60, le=60, description="Instead of `lane`: metres to the left of the ego lane's middle."
    )
    heading_deg: float | None = Field(
        default=None,
        ge=-180,
        le=180,
        description="Degrees to the left of the road's direction; without it along the lane: 180 in oncoming lanes.",
    )
    size: Size = Field(default=Size(), description="Outer measures in metres.")
    speed_mps: float | None = Field(
        default=None, ge=0, le=90, description="Speed in the first frame, in m/s; without it, the ego's."
    )
    manoeuvres: Annotated[tuple[ActorManoeuvre, ...], Field(strict=False, max_length=MAX_MANOEUVRES)] = Field(
        default=(), description="What the actor does; its boxes are then told to the models frame by frame."
    )
    trajectory: GivenTrajectory | None = Field(
        default=None,
        description="Instead of place, speed and manoeuvres: rows of time_s, distance_m, lateral_m, heading_deg, or a"
        " CSV file of them. The vehicle exists from the first row to the last.",
    )

    @model_validator(mode="after")
    def _one_lateral_place(self) -> Actor:
        if self.trajectory is not None:
            moved = {"distance_m", "lane", "lateral_m", "heading_deg", "speed_mps", "manoeuvres"}
            if problems := _said_twice(self, moved):
                raise MisfittingFields(problems)
            return self
        if self.distance_m is None:
            raise MisfittingFields([((), "`distance_m` is missing")])
        if self.lane is not None and self.lateral_m is not None:
            raise MisfittingFields([(("lateral_m",), "`lateral_m`: `lane` says it already; remove one of the two")])
        return self

    @property
    def steered(self) -> bool:
        """Whether the models are told where it is in every frame."""
        return bool(self.manoeuvres) or self.trajectory is not None

    @property
    def size_m(self) -> tuple[float, float, float]:
        """Length, width, height."""
        given = (self.size.length_m, self.size.width_m, self.size.height_m)
        return tuple(d if g is None else g for g, d in zip(given, DEFAULT_SIZE_M[self.category], strict=True))

    def start_lateral_m(self, road: Road) -> float:
        """Metres to the left of the ego lane's middle, in the first frame."""
        if self.trajectory is not None:
            return self.trajectory[0][2]
        return road.lateral_m(self.lane or 0) if self.lateral_m is None else self.lateral_m

    def heading(self, road: Road) -> float:
        """Radians to the left of the ego's direction, in the first frame."""
        if self.trajectory is not None:
            first = self.path(road, 0.0)
            return float(first.at(first.times_s[0]).heading_rad - road.line.heading(first.stations_m[0]))
        if self.heading_deg is not None:
            return float(np.deg2rad(self.heading_deg))
        kinds = {manoeuvre.type for manoeuvre in self.manoeuvres}
        lateral = self.start_lateral_m(road)
        if "cross" in kinds:
            return -np.pi / 2 if lateral > 0 else np.pi / 2
        return np.pi if "oncoming" in kinds or road.is_oncoming(lateral) else 0.0

    def path(self, road: Road, ego_speed_mps: float) -> Motion:
        """Where the middle of the vehicle is; along the road where it curves, unless it has a heading of its own."""
        if self.trajectory is not None:
            resting = np.pi if road.is_oncoming(self.trajectory[0][2]) else 0.0
            return sampled(self.trajectory, road.line, self.size_m[0] / 2, resting)
        heading, lateral = self.heading(road), self.start_lateral_m(road)
        length, width, _ = self.size_m
        reach = (abs(np.cos(heading)) * length + abs(np.sin(heading)) * width) / 2
        start_speed = ego_speed_mps if self.speed_mps is None else self.speed_mps
        speed = Profile.through(start_speed, speed_changes(self.manoeuvres, start_speed))
        # To its left is the ego's left where both drive the same way, the ego's right where it comes towards us.
        side = 1 if np.cos(heading) >= 0 else -1
        lanes = lane_changes(self.manoeuvres, lateral / road.lane_width_m)
        changes = [(start, lasts, side * road.lateral_m(lane)) for start, lasts, lane in lanes]
        shift, station = Profile.through(side * lateral, changes), self.distance_m + reach
        if road.curve is None:
            return Trajectory((-lateral, station), heading, speed, shift)
        if abs(np.sin(heading)) < _ALONG:
            return LineTrajectory(road.line, station, speed, shift, side)
        place = road.line.position(np.array(station), lateral)
        turned = heading + float(road.line.heading(np.array(station)))
        return Trajectory((float(place[0]), float(place[1])), turned, speed, shift)


def _said_twice(holder: Ego | Actor, others: set[str]) -> list[tuple[FieldPath, str]]:
    """The fields among `others` that a trajectory makes superfluous."""
    given = sorted(name for name in others & holder.model_fields_set if getattr(holder, name) not in (None, ()))
    return [((name,), f"`{name}`: `trajectory` says it already; remove one of the two") for name in given]
