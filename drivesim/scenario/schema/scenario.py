"""The schema of scenario files of format 1: fields, units and ranges."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from drivesim.scenario.schema.actors import MAX_ACTORS, Actor, Ego, Motion
from drivesim.scenario.schema.box import MAX_BOXES, Box, Coordinates
from drivesim.scenario.schema.fit import Fit
from drivesim.scenario.schema.layout import SceneLayout, colour_indices
from drivesim.scenario.schema.real_frame import real_frame_sha256
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.scene import Scene
from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel
from drivesim.scenario.schema.vocabulary import (
    CATEGORIES,
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    TimeOfDay,
)
from drivesim.scenario.sweeps.sweep import Sweep
from drivesim.scenario.text.problems import FieldPath, shown
from drivesim.wording import counted

MAX_KNOWN_FRAMES = 6000


class Sampling(StrictModel):
    """How the diffusion models are sampled; by default as the preset says."""

    sampler: Literal["ddim", "dpm_solver_2m"] | None = Field(default=None, description="Solver of the diffusion.")
    steps: int | None = Field(default=None, ge=1, le=1000, description="Number of solver steps per frame or window.")
    guidance: float | None = Field(
        default=None,
        ge=0,
        le=20,
        description="Guidance weight of boxes, time of day and crowdedness; 1 means no guidance.",
    )
    context_guidance: float | None = Field(
        default=None,
        ge=0,
        le=20,
        description="Guidance weight of the context frames (Video LDM, Eq. 4); 1 means no guidance.",
    )


RealFrame = Annotated[str, Field(min_length=1, max_length=1024)]


class Scenario(StrictModel):
    """One scene, and how its futures are sampled.

    The first frame follows from `boxes`, from `actors` or from real frames (`first_frame`, `context_frames`). Without
    these, it is left to the model.
    """

    format: Literal[1] = Field(description="Version of the scenario format.")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Name of the output: at most 64 letters, digits, `_` and `-`, beginning with a letter or digit.",
    )
    time_of_day: TimeOfDay | None = Field(
        default=None, description="`day` or `night`; null leaves the choice to the model."
    )
    crowdedness: int | None = Field(
        default=None, ge=0, le=64, description="Number of vehicles in view; null leaves the choice to the model."
    )
    coords: Coordinates = Field(
        default="pixels",
        description=f"Unit of the boxes: pixels of the {FRAME_WIDTH_PX}×{FRAME_HEIGHT_PX} frame, or fractions 0..1.",
    )
    boxes: Annotated[tuple[Box, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Vehicles of the first frame; an empty list means a scene without vehicles.",
        json_schema_extra={"maxItems": MAX_BOXES},
    )
    first_frame: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Picture to start from, or a moment of a drive log as `FOLDER@SECONDS`; "
        "paths are relative to the scenario file.",
    )
    context_frames: Annotated[tuple[RealFrame, ...], Field(strict=False, min_length=1, max_length=2)] | None = Field(
        default=None,
        description="One or two real frames to start from, instead of `first_frame`: the first keyframes of the "
        "video, 0.4 s apart with the default checkpoints.",
    )
    fit: Fit | None = Field(
        default=None,
        description="How pictures become twice as wide as high: `crop` cuts off the edges, `pad` adds black bars; "
        "null refuses pictures of another shape.",
    )
    actors: Annotated[tuple[Actor, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Vehicles placed in metres, instead of `boxes`; those with manoeuvres are steered in every frame.",
        json_schema_extra={"maxItems": MAX_ACTORS},
    )
    ego: Ego | None = Field(
        default=None, description="What the vehicle with the camera does; null means 10 m/s straight ahead."
    )
    camera: Camera | None = Field(default=None, description="Camera that sees the actors; null means the usual one.")
    road: Road | None = Field(default=None, description="Road of the actors; null means two lanes in each direction.")
    duration_s: float = Field(default=4.0, ge=0.4, le=3600, description="Duration of each future in seconds.")
    futures: int = Field(default=2, ge=1, le=64, description="Number of different futures to sample.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of everything random.")
    sampling: Sampling = Field(default=Sampling(), description="Sampler settings.")
    sweep: Sweep | None = Field(
        default=None, description="Fields that vary, so that one file stands for many concrete scenarios."
    )

    def __repr__(self) -> str:
        vehicles = [counted(len(self.boxes), "box", "boxes")] if self.boxes is not None else []
        vehicles += [counted(len(self.actors), "actor")] if self.actors is not None else []
        shown = [*vehicles, *self.real_frames[:1], f"{self.duration_s:g} s", counted(self.futures, "future")]
        return f"<Scenario {self.name}: {', '.join([*shown, f'seed {self.seed}'])}>"

    __str__ = __repr__

    @field_validator("boxes", mode="before")
    @classmethod
    def _not_too_many(cls, boxes: Any) -> Any:
        if isinstance(boxes, list | tuple) and len(boxes) > MAX_BOXES:
            raise ValueError(f"expected at most {MAX_BOXES} boxes, got {len(boxes)}")
        return boxes

    @field_validator("format", mode="before")
    @classmethod
    def _whole_number(cls, version: Any) -> Any:
        if isinstance(version, bool | float):
            raise ValueError(f"this drivesim reads format 1, got {shown(version)}")
        return version

    @field_validator("boxes")
    @classmethod
    def _within_the_frame(cls, boxes: tuple[Box, ...] | None, info: ValidationInfo) -> tuple[Box, ...] | None:
        problems: list[tuple[FieldPath, str]] = []
        for index, box in enumerate(boxes or () if "coords" in info.data else ()):
            if (message := box.misfit(info.data["coords"])) is not None:
                problems.append(((index, "xyxy"), message))
        if problems:
            raise InvalidFieldsError(problems)
        return boxes

    @field_validator("actors", mode="before")
    @classmethod
    def _not_too_many_actors(cls, actors: Any) -> Any:
        if isinstance(actors, list | tuple) and len(actors) > MAX_ACTORS:
            raise ValueError(f"expected at most {MAX_ACTORS} actors, got {len(actors)}")
        return actors

    @model_validator(mode="after")
    def _parts_fit(self) -> Scenario:
        problems: list[tuple[FieldPath, str]] = []
        if self.actors is not None:
            for other in ("boxes", "first_frame", "context_frames"):
                if getattr(self, other) is not None:
                    message = f"`{other}`: `actors` already define the first frame; remove one of the two"
                    problems.append(((other,), message))
            ids = [actor.id for actor in self.actors]
            for index, name in enumerate(ids):
                if name is not None and name in ids[:index]:
                    problems.append((("actors", index, "id"), f"`id`: another actor is already named '{name}'"))
        if self.fit is not None and not self.real_frames:
            problems.append((("fit",), "`fit` is for `first_frame` and `context_frames`; there is none of them"))
        problems += self._problems_of_the_curve()
        if problems:
            raise InvalidFieldsError(problems)
        return self

    def _problems_of_the_curve(self) -> list[tuple[FieldPath, str]]:
        """Returns the problems of lanes, places and turns for which a curve of the road leaves no room."""
        road = self.road
        if road is None or road.curve is None:
            return []
        problems: list[tuple[FieldPath, str]] = []
        for index, manoeuvre in enumerate((self.ego or Ego()).manoeuvres):
            if manoeuvre.type == "turn":
                message = "`turn`: the ego already follows the `curve` of the road; remove one of the two"
                problems.append((("ego", "manoeuvres", index, "type"), message))
        for path, lateral in self._lateral_places(road):
            if road.beyond_the_curve(lateral):
                message = f"{lateral:+.1f} m from the ego's lane is too near the centre of the `curve`"
                problems.append((path, f"{message}, whose radius is {abs(road.curve.radius_m):g} m"))
        return problems

    def _lateral_places(self, road: Road) -> Iterator[tuple[FieldPath, float]]:
        """Yields every lateral place that the file gives: edges of the road, actors, and targets of manoeuvres."""
        for edge in road.edges_m:
            yield ("road", "curve", "radius_m"), edge
        movers: list[tuple[FieldPath, Ego | Actor]] = [] if self.ego is None else [(("ego",), self.ego)]
        for index, actor in enumerate(self.actors or ()):
            movers.append((("actors", index), actor))
            if actor.trajectory is not None:
                continue
            yield ("actors", index, "lane" if actor.lateral_m is None else "lateral_m"), actor.start_lateral_m(road)
        for path, mover in movers:
            for index, manoeuvre in enumerate(mover.manoeuvres):
                if manoeuvre.lane is not None:
                    yield (*path, "manoeuvres", index, "lane"), road.lateral_m(manoeuvre.lane)
            for index, row in enumerate(mover.trajectory or ()):
                yield (*path, "trajectory", index), row[2]

    @field_validator("first_frame")
    @classmethod
    def _one_first_frame(cls, first_frame: str | None, info: ValidationInfo) -> str | None:
        if first_frame is not None and info.data.get("boxes") is not None:
            raise ValueError("`boxes` already define the first frame; remove one of the two")
        return first_frame

    @field_validator("context_frames")
    @classmethod
    def _one_start(cls, frames: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        for other in ("boxes", "first_frame"):
            if frames is not None and info.data.get(other) is not None:
                raise ValueError(f"`{other}` already defines the first frame; remove one of the two")
        return frames

    @property
    def real_frames(self) -> tuple[str, ...]:
        """The real frames that the video starts from, in order: paths of pictures and moments of drive logs."""
        if self.context_frames is not None:
            return self.context_frames
        return () if self.first_frame is None else (self.first_frame,)

    def _normalized(self, box: Box) -> list[float]:
        width, height = box.extent(self.coords)
        return [edge / size for edge, size in zip(box.xyxy, (width, height, width, height), strict=True)]

    @cached_property
    def scene(self) -> Scene | None:
        """The actors over time, or None if the scenario has no actors."""
        if self.actors is None:
            return None
        return Scene.of(self.actors, self.ego or Ego(), self.road or Road(), self.camera or Camera(), self.duration_s)

    @cached_property
    def ego_trajectory(self) -> Motion:
        """The trajectory of the camera; without `ego`, it drives straight on at the usual speed."""
        return (self.ego or Ego()).path(self.road or Road())

    def known_times(self, fps: float) -> list[float]:
        """Returns the times in seconds of the frames at `fps` whose vehicles are known before any sampling.

        These are all frames if an actor is steered, at most `MAX_KNOWN_FRAMES`, and else only the first one.
        """
        steered = self.scene is not None and self.scene.steered
        num_frames = min(MAX_KNOWN_FRAMES, max(1, round(self.duration_s * fps))) if steered else 1
        return [number / fps for number in range(num_frames)]

    def layout(self) -> SceneLayout | None:
        """Returns the vehicles of the first frame, or None if they are left to the model or to a picture."""
        if self.scene is not None:
            return self.scene.layout(0.0)
        if self.boxes is None:
            return None
        return SceneLayout(
            xyxy=np.array([self._normalized(box) for box in self.boxes], dtype=np.float32).reshape(-1, 4),
            category=np.array([CATEGORIES.index(box.category) for box in self.boxes], dtype=np.int64),
            heading_rad=np.deg2rad(
                np.array([np.nan if box.heading_deg is None else box.heading_deg for box in self.boxes], np.float32)
            ),
            colour=colour_indices([box.colour for box in self.boxes]),
        )

    def layout_at(self, time_s: float) -> SceneLayout | None:
        """Returns the vehicles at a time, or None if they are left to the model.

        If an actor is steered, they are known at all times, otherwise only in the first frame.
        """
        if self.scene is not None and self.scene.steered:
            return self.scene.layout(time_s)
        return self.layout() if time_s == 0 else None

    def canonical(self) -> dict[str, Any]:
        """Returns everything that decides what a future looks like, as plain JSON data for hashing.

        Two ways to write one scene give the same result: boxes are normalised, a picture is replaced by the sha256 of
        its file, and defaults of ego, road and camera are filled in. `name`, `futures` and the names of actors are left
        out, because they change no future.

        Raises:
            InputError: The picture cannot be read.
        """
        left_out = {"name", "futures", "coords", "boxes", "actors", "ego", "camera", "road", "sweep"}
        left_out |= {"first_frame", "context_frames", "fit"}
        plain = self.model_dump(mode="json", exclude=left_out)
        boxes = None if self.boxes is None else [self._canonical_box(box) for box in self.boxes]
        picture = None if self.first_frame is None else real_frame_sha256(self.first_frame)
        parts = {**plain, "boxes": boxes, "first_frame": picture, **self._canonical_scene()}
        if self.fit is not None:
            parts["fit"] = self.fit
        if self.context_frames is not None:
            parts["context_frames"] = [real_frame_sha256(frame) for frame in self.context_frames]
        return parts

    def _canonical_box(self, box: Box) -> list[Any]:
        """Returns category and edges; heading and colour follow only if given, so that older identities stay."""
        said = box.model_dump(include={"heading_deg", "colour"}, exclude_none=True)
        return [box.category, *self._normalized(box), *([said] if said else [])]

    def _canonical_scene(self) -> dict[str, Any]:
        """Returns actors, ego, road and camera, without keys for those that a scenario of boxes does not use."""
        parts: dict[str, Any] = {}
        if self.actors is not None:
            parts["actors"] = [_canonical_motion(actor) for actor in self.actors]
            for name, part in (("road", self.road or Road()), ("camera", self.camera or Camera())):
                parts[name] = part.model_dump(mode="json", exclude_none=True)
        elif self.ego is not None and self.road is not None:
            # Without actors, only these keys of the road change anything: the path of the ego.
            used = {"lane_width_m", "curve"}
            given = self.road.model_dump(mode="json", include=used, exclude_defaults=True, exclude_none=True)
            parts |= {"road": given} if given else {}
        if self.actors is not None or self.ego is not None:
            parts["ego"] = _canonical_motion(self.ego or Ego())
        return parts


def _canonical_motion(mover: Actor | Ego) -> dict[str, Any]:
    """Returns an actor or the ego as plain data, without keys that its trajectory, or the lack of one, makes idle.

    A colour follows only if it is given, so that older identities stay.
    """
    unsaid = {"colour"} if getattr(mover, "colour", None) is None else set()
    if mover.trajectory is None:
        return mover.model_dump(mode="json", exclude={"id", "trajectory"} | unsaid)
    return mover.model_dump(mode="json", include={"category", "size", "trajectory", "colour"} - unsaid)
