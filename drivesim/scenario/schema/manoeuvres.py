"""Manoeuvres of actors and the ego in scenario files, and the changes of speed and lane that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel
from drivesim.scenario.text.problems import FieldPath

ActorManoeuvreType = Literal[
    "keep_lane", "cut_in", "cut_out", "brake", "accelerate", "stop", "overtake", "oncoming", "cross"
]
EgoManoeuvreType = Literal["keep", "change_lane", "brake", "accelerate", "stop", "turn"]


@dataclass(frozen=True)
class _Targets:
    """The keys that a type of manoeuvre takes besides `start_s` and `duration_s`."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_TARGET_KEYS = ("lane", "speed_mps", "angle_deg")
_TARGETS = {
    "keep_lane": _Targets(),
    "cut_in": _Targets(optional=("lane", "speed_mps")),
    "cut_out": _Targets(required=("lane",), optional=("speed_mps",)),
    "brake": _Targets(optional=("speed_mps",)),
    "accelerate": _Targets(required=("speed_mps",)),
    "stop": _Targets(),
    "overtake": _Targets(optional=("lane", "speed_mps")),
    "oncoming": _Targets(optional=("lane", "speed_mps")),
    "cross": _Targets(optional=("speed_mps",)),
    "keep": _Targets(),
    "change_lane": _Targets(required=("lane",)),
    "turn": _Targets(required=("angle_deg",), optional=("speed_mps",)),
}
_DURATION_S = {"overtake": 8.0, "stop": 4.0, "accelerate": 4.0, "turn": 4.0}
_USUAL_DURATION_S = 3.0
"""Duration of all other types."""
_OVERTAKING_SPEED_MPS = 6.0
"""How much faster a vehicle becomes that overtakes."""

Start = Annotated[
    float, Field(ge=0, le=3600, description="Time at which the manoeuvre begins, in seconds from the first frame.")
]
Duration = Annotated[
    float,
    Field(ge=0.2, le=600, description="Duration of the manoeuvre in seconds; by default the usual one of its type."),
]
Lane = Annotated[
    int, Field(ge=-16, le=16, description="Target lane: 0 is the ego's first lane; numbers increase to the left.")
]
Speed = Annotated[float, Field(ge=0, le=90, description="Speed at the end of the manoeuvre, in m/s.")]


class Manoeuvre(StrictModel):
    """What manoeuvres of actors and of the ego have in common."""

    type: str  # declared here so that it comes first in a file that is written
    start_s: Start = 0.0
    duration_s: Duration | None = None
    lane: Lane | None = None
    speed_mps: Speed | None = None

    @model_validator(mode="after")
    def _targets_of_the_type(self) -> Manoeuvre:
        targets = _TARGETS[self.type]
        allowed = {*targets.required, *targets.optional}
        problems: list[tuple[FieldPath, str]] = []
        for name in _TARGET_KEYS:
            value = getattr(self, name, None)
            if value is not None and name not in allowed:
                known = ", ".join(f"`{other}`" for other in ("start_s", "duration_s", *sorted(allowed)))
                problems.append(((name,), f"`{name}` means nothing to `{self.type}`; it takes {known}"))
            if value is None and name in targets.required:
                problems.append((("type",), f"`{self.type}` needs `{name}`"))
        if problems:
            raise InvalidFieldsError(problems)
        return self

    @property
    def lasts_s(self) -> float:
        """The duration in seconds, which is the usual one of the type unless it is given."""
        return _DURATION_S.get(self.type, _USUAL_DURATION_S) if self.duration_s is None else self.duration_s


class ActorManoeuvre(Manoeuvre):
    """Something that an actor does from `start_s` on."""

    type: ActorManoeuvreType = Field(description="What the actor does.")


class EgoManoeuvre(Manoeuvre):
    """Something that the ego does from `start_s` on."""

    type: EgoManoeuvreType = Field(description="What the ego does.")
    angle_deg: float | None = Field(
        default=None, ge=-180, le=180, description="Angle of a turn in degrees, positive to the left."
    )


Change = tuple[float, float, float]
"""Start and duration in seconds, and the value that is reached."""


def speed_changes(manoeuvres: Sequence[Manoeuvre], speed_mps: float) -> list[Change]:
    """Returns the changes of speed in m/s, ordered by time, of a vehicle that begins with `speed_mps`."""
    changes: list[Change] = []
    for manoeuvre in sorted(manoeuvres, key=lambda m: m.start_s):
        target = manoeuvre.speed_mps
        if manoeuvre.type in ("stop", "brake"):
            target = 0.0 if target is None else target
        duration_s = manoeuvre.lasts_s
        if manoeuvre.type == "overtake":
            target = speed_mps + _OVERTAKING_SPEED_MPS if target is None else target
            duration_s = duration_s / 2
        if target is not None:
            changes.append((manoeuvre.start_s, duration_s, target))
            speed_mps = target
    return changes


def lane_changes(manoeuvres: Sequence[Manoeuvre], lane: float) -> list[Change]:
    """Returns the changes of lane, ordered by time, of a vehicle that begins in `lane`.

    Lanes are counted to the left from the ego's first lane, which is 0.
    """
    changes: list[Change] = []
    for manoeuvre in sorted(manoeuvres, key=lambda m: m.start_s):
        start_s, duration_s = manoeuvre.start_s, manoeuvre.lasts_s
        if manoeuvre.type == "overtake":
            out = lane + 1 if manoeuvre.lane is None else manoeuvre.lane
            part = duration_s / 3
            changes += [(start_s, part, out), (start_s + 2 * part, part, lane)]
            continue
        target = 0 if manoeuvre.type == "cut_in" and manoeuvre.lane is None else manoeuvre.lane
        if target is not None:
            changes.append((start_s, duration_s, target))
            lane = target
    return changes
