"""What actors and the ego do, as scenario files say it, and the changes of speed and place that follow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drivesim.scenario.schema.strict import MisfittingFields, StrictModel
from drivesim.scenario.text.problems import FieldPath

ActorManoeuvreType = Literal[
    "keep_lane", "cut_in", "cut_out", "brake", "accelerate", "stop", "overtake", "oncoming", "cross"
]
EgoManoeuvreType = Literal["keep", "change_lane", "brake", "accelerate", "stop", "turn"]

# What a manoeuvre takes besides `start_s` and `duration_s`; a name with ! has to be given.
_TARGETS: dict[str, tuple[str, ...]] = {
    "keep_lane": (),
    "cut_in": ("lane", "speed_mps"),
    "cut_out": ("lane!", "speed_mps"),
    "brake": ("speed_mps",),
    "accelerate": ("speed_mps!",),
    "stop": (),
    "overtake": ("lane", "speed_mps"),
    "oncoming": ("lane", "speed_mps"),
    "cross": ("speed_mps",),
    "keep": (),
    "change_lane": ("lane!",),
    "turn": ("angle_deg!", "speed_mps"),
}
_DEFAULT_DURATION_S = {"overtake": 8.0, "brake": 3.0, "stop": 4.0, "accelerate": 4.0, "turn": 4.0}

Start = Annotated[float, Field(ge=0, le=3600, description="When it begins, in seconds from the first frame.")]
Duration = Annotated[
    float, Field(ge=0.2, le=600, description="How long it takes, in seconds; without it, as usual for its type.")
]
Lane = Annotated[int, Field(ge=-16, le=16, description="Lane to go to: 0 is the ego's first lane, left counts up.")]
Speed = Annotated[float, Field(ge=0, le=90, description="Speed that is reached at its end, in m/s.")]


class _Manoeuvre(StrictModel):
    type: str  # here, so that it comes first in a file that is written
    start_s: Start = 0.0
    duration_s: Duration | None = None
    lane: Lane | None = None
    speed_mps: Speed | None = None

    @model_validator(mode="after")
    def _targets_of_the_type(self) -> _Manoeuvre:
        takes = _TARGETS[self.type]
        allowed = {name.rstrip("!") for name in takes}
        targets = ("lane", "speed_mps", "angle_deg")
        problems: list[tuple[FieldPath, str]] = []
        for name in targets:
            value = getattr(self, name, None)
            if value is not None and name not in allowed:
                known = ", ".join(f"`{other}`" for other in ("start_s", "duration_s", *sorted(allowed)))
                problems.append(((name,), f"`{name}` means nothing to `{self.type}`; it takes {known}"))
            if value is None and f"{name}!" in takes:
                problems.append((("type",), f"`{self.type}` needs `{name}`"))
        if problems:
            raise MisfittingFields(problems)
        return self

    @property
    def lasts_s(self) -> float:
        """How long it takes, in seconds."""
        return _DEFAULT_DURATION_S.get(self.type, 3.0) if self.duration_s is None else self.duration_s


class ActorManoeuvre(_Manoeuvre):
    """Something that an actor does from `start_s` on."""

    type: ActorManoeuvreType = Field(description="What the actor does.")


class EgoManoeuvre(_Manoeuvre):
    """Something that the ego does from `start_s` on."""

    type: EgoManoeuvreType = Field(description="What the ego does.")
    angle_deg: float | None = Field(
        default=None, ge=-180, le=180, description="Change of heading of a turn in degrees, positive to the left."
    )


Change = tuple[float, float, float]
"""(start_s, duration_s, value that is reached)."""


def speed_changes(manoeuvres: tuple[_Manoeuvre, ...], speed_mps: float) -> list[Change]:
    """The targets of the speed in m/s, in the order of time, of a vehicle that begins with `speed_mps`."""
    changes: list[Change] = []
    for manoeuvre in sorted(manoeuvres, key=lambda m: m.start_s):
        target = manoeuvre.speed_mps
        if manoeuvre.type in ("stop", "brake"):
            target = 0.0 if target is None else target
        duration_s = manoeuvre.lasts_s
        if manoeuvre.type == "overtake":
            target = speed_mps + 6.0 if target is None else target
            duration_s = duration_s / 2
        if target is not None:
            changes.append((manoeuvre.start_s, duration_s, target))
            speed_mps = target
    return changes


def lane_changes(manoeuvres: tuple[_Manoeuvre, ...], lane: float) -> list[Change]:
    """The targets of the lane, in lanes to the left of the ego's first one, of a vehicle that begins in `lane`."""
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
