"""The scenario on screen. Its YAML is the only state, and every change from the browser produces a new YAML.

Whatever a browser sends is text, and is validated by the scenario schema before anything else uses it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.errors import InputError, ScenarioError
from drivesim.scenario import (
    CATEGORIES,
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    MAX_BOXES,
    Scenario,
    check_submitted,
    fields_yaml,
    load_cases,
    scenario_yaml,
)
from ui.pictures import Pictures

START = "format: 1\nname: my_scene\ntime_of_day: day\nboxes: []\nduration_s: 4.0\nfutures: 2\nseed: 0\n"
_MAX_NAME = 64
_SETTINGS = ("name", "time_of_day", "crowdedness", "duration_s", "futures", "seed")
_ACTOR_FIELDS = ("category", "distance_m", "lane", "speed_mps")


@dataclass(frozen=True)
class Note:
    """A problem or a warning about a scenario; `line` and `column` count from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Document:
    """The YAML of a scenario and the results of its checks; `scenario` is None if it cannot be run."""

    text: str
    scenario: Scenario | None
    problems: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()

    def required(self) -> Scenario:
        """Returns the scenario.

        Raises:
            InputError: The scenario cannot be run; the message is the first problem.
        """
        if self.scenario is None:
            first = self.problems[0]
            raise InputError(f"the scenario has a mistake in line {first.line}: {first.message}")
        return self.scenario


@dataclass(frozen=True)
class Desk:
    """Reads and changes documents, and knows which pictures they may name."""

    pictures: Pictures

    def read(self, text: str) -> Document:
        """Checks the YAML of a scenario. Mistakes are reported in `problems` and raise no error."""
        try:
            checked = check_submitted(text.encode("utf-8", "replace"), self.pictures, self.pictures.folder)
        except ScenarioError as error:
            return Document(text, None, problems=tuple(map(_note, error.args)))
        return Document(text, checked.scenario, warnings=tuple(map(_note, checked.warnings)))

    def blank(self) -> Document:
        """Returns a scene without vehicles to start from."""
        return self.read(START)

    def open_file(self, path: Path) -> Document:
        """Reads a scenario of the library as it is written, or the first case of a sweep."""
        cases = load_cases(path)
        if cases.scenario.sweep is None:
            return self.read(path.read_text(encoding="utf-8"))
        return self.read(scenario_yaml(cases[0], f"the first of {len(cases)} cases of {path.name}"))

    def with_boxes(self, text: str, drawn: str) -> Document:
        """Returns the scenario with the boxes that were drawn in the browser. It no longer starts from a picture.

        Args:
            text: YAML of the scenario.
            drawn: JSON list of `{category, xyxy}` with the edges in pixels.

        Raises:
            InputError: `drawn` is not such a list, or the scenario has mistakes.
        """
        boxes = [{"category": c, "xyxy": xyxy} for c, xyxy in map(_drawn_box, _json_list(drawn, MAX_BOXES))]
        return self._changed(text, {"boxes": boxes}, drop=("coords", "actors", "first_frame"))

    def with_actors(self, text: str, table: str) -> Document:
        """Returns the scenario with the values from the table of its actors.

        Fields that the table does not show, such as manoeuvres and sizes, stay as they are.

        Args:
            text: YAML of the scenario.
            table: JSON list with one object per actor.

        Raises:
            InputError: `table` is not such a list, or the scenario has mistakes.
        """
        scenario, rows = self.read(text).required(), _json_list(table, MAX_BOXES)
        actors = scenario.model_dump(exclude_unset=True).get("actors") or ()
        if len(rows) != len(actors) or not all(map(_is_flat, rows)):
            raise InputError("the table of actors does not fit the scenario; load it again")
        changed = []
        for actor, row in zip(actors, rows, strict=True):
            values = {**actor, **{name: row[name] for name in _ACTOR_FIELDS if row.get(name) is not None}}
            if row.get("lane") is not None:
                values.pop("lateral_m", None)
            changed.append(values)
        return self._changed(text, {"actors": changed})

    def with_picture(self, text: str, name: str) -> Document:
        """Returns the scenario starting from a picture of this page instead of boxes or actors.

        Raises:
            InputError: There is no such picture, or the scenario has mistakes.
        """
        self.pictures.path(name)
        return self._changed(text, {"first_frame": name}, drop=("boxes", "coords", "actors", "road", "camera"))

    def with_settings(self, text: str, settings: Mapping[str, Any], guidance: float | None = None) -> Document:
        """Returns the scenario with other values in top-level fields; None leaves a field to the model.

        Raises:
            InputError: A value is not valid, or the scenario has mistakes.
        """
        unknown = set(settings) - set(_SETTINGS)
        if unknown:
            raise InputError(f"no such setting: {', '.join(sorted(unknown))}")
        changes = {name: value for name, value in settings.items() if value is not None}
        scenario = self.read(text).required()
        if guidance is not None:
            changes["sampling"] = {**scenario.sampling.model_dump(exclude_unset=True), "guidance": guidance}
        dropped = tuple(name for name in ("time_of_day", "crowdedness") if name in settings and settings[name] is None)
        return self._changed(text, changes, drop=dropped)

    def branch(self, scenario: Scenario, picture: str, time_of_day: str | None) -> Document:
        """Returns a scenario that continues another one from a frame of one of its futures.

        The new scenario knows only the frame, not the motion before it.

        Args:
            scenario: The scenario of the future.
            picture: Name of the picture that the frame is stored as.
            time_of_day: The time of day; None for that of `scenario`.
        """
        kept = {"format", "duration_s", "futures", "seed", "sampling", "time_of_day", "crowdedness"}
        fields = {name: v for name, v in scenario.model_dump(exclude_unset=True).items() if name in kept}
        stem = scenario.name.removesuffix("_branch")[: _MAX_NAME - len("_branch")]
        fields |= {"name": f"{stem}_branch", "first_frame": picture}
        if time_of_day is not None:
            fields["time_of_day"] = time_of_day
        return self.read(_in_order(fields))

    def portable(self, scenario: Scenario) -> str:
        """Returns the YAML of a scenario for download, in which the picture is given by its name."""
        if scenario.first_frame is not None:
            scenario = scenario.model_copy(update={"first_frame": Path(scenario.first_frame).name})
        return scenario_yaml(scenario)

    def _changed(self, text: str, changes: Mapping[str, Any], drop: tuple[str, ...] = ()) -> Document:
        """Returns the document with top-level fields replaced or dropped, written again and checked."""
        scenario = self.read(text).required()
        values = {k: v for k, v in scenario.model_dump(exclude_unset=True).items() if k not in drop}
        if scenario.first_frame is not None and "first_frame" in values:
            values["first_frame"] = Path(scenario.first_frame).name
        values |= changes
        if "boxes" in values:
            values["boxes"] = [{**box, "xyxy": list(map(_whole, box["xyxy"]))} for box in values["boxes"] or ()]
        # An invalid value is written as well: the checks then report where it is and what is wrong.
        return self.read(_in_order(values))


def _in_order(fields: Mapping[str, Any]) -> str:
    return fields_yaml({name: fields[name] for name in Scenario.model_fields if name in fields})


def _note(problem: Any) -> Note:
    return Note(problem.place.line, problem.place.column, problem.message)


def _json_list(text: str, limit: int) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("expected a JSON list") from None
    if not isinstance(values, list) or len(values) > limit:
        raise InputError(f"expected a list of at most {limit} entries")
    return values


def _drawn_box(value: Any) -> tuple[str, list[float]]:
    """Returns the category of a box and its edges in pixels, clipped to the frame."""
    if not isinstance(value, dict) or value.get("category") not in CATEGORIES:
        raise InputError(f"expected a box with a category, one of {', '.join(CATEGORIES)}")
    edges = value.get("xyxy")
    if not isinstance(edges, list) or len(edges) != 4 or not all(map(_is_number, edges)):
        raise InputError("expected a box with four numbers, x0 y0 x1 y1")
    x0, x1 = sorted(min(max(float(x), 0.0), FRAME_WIDTH_PX) for x in edges[0::2])
    y0, y1 = sorted(min(max(float(y), 0.0), FRAME_HEIGHT_PX) for y in edges[1::2])
    return value["category"], [round(edge, 1) for edge in (x0, y0, x1, y1)]


def _whole(edge: float) -> float:
    """Returns an edge as people write it: whole numbers are int, so that they have no decimal point."""
    return int(edge) if edge == int(edge) else edge


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_flat(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), str | int | float | None) for name in _ACTOR_FIELDS)
