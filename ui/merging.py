"""Merges the state of the page into one scenario: the YAML, and what was drawn or set after it was written.

A browser can send a change before the answer to the previous one has arrived. Therefore every request carries the whole
page, and the YAML carries the values that the page showed when it was written: a value that differs from those is newer
than the YAML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drivesim.errors import InputError
from drivesim.scenario import Scenario
from ui.document import Desk, Document
from ui.parts import parsed
from ui.security.arrival import arrival_us

DEFAULT_GUIDANCE = 6.0
CONTROLS = ("name", "time_of_day", "crowdedness", "guidance", "seed", "duration_s", "futures")
_SEED_LIMIT = 2**63


@dataclass(frozen=True)
class PageState:
    """The values of the components that show a part of the scenario, as a request sends them.

    `serial` grows from request to request. A page drops an answer to an earlier request than it has had an answer to,
    and any answer about a scenario that another one has replaced in the meantime.
    """

    editor: dict[str, Any]
    scene: dict[str, Any]
    preset: str
    controls: dict[str, Any]
    serial: int = field(default_factory=arrival_us, compare=False)

    @classmethod
    def of(cls, editor: Any, scene: Any, preset: Any, *controls: Any) -> PageState:
        """Returns the state from the inputs of an event, in the order of `DocumentView.inputs`."""
        return cls(parsed(editor), parsed(scene), str(preset), dict(zip(CONTROLS, controls, strict=True)))

    @property
    def edit(self) -> int:
        """The number of the last drawing."""
        return _count(self.scene.get("edit"))

    @property
    def replacement(self) -> int:
        """The serial of the request that put this scenario on screen in place of another, or 0."""
        return _count(self.editor.get("replacement"))

    @property
    def revision(self) -> int:
        """The number of the last typed text."""
        return _count(self.editor.get("revision"))

    @property
    def text(self) -> str:
        """The YAML, without the changes that are newer."""
        text = self.editor.get("text")
        return text if isinstance(text, str) else ""


def merged(desk: Desk, state: PageState) -> Document:
    """Returns the scenario on the page with every change that is newer than its YAML.

    Mistakes in typed YAML are reported in the `problems` of the document.

    Raises:
        InputError: The changes do not give a scenario that can be run; the YAML stays as it was.
    """
    document = desk.read(state.text)
    shown = state.editor.get("shown")
    if not isinstance(shown, dict):  # the text was typed just now, and nothing is newer
        return document
    if state.edit != shown.get("edit", 0):
        if "rows" in state.scene:
            document = _sound(desk.with_actors(document.text, json.dumps(state.scene["rows"])))
        else:
            document = _sound(desk.with_boxes(document.text, json.dumps(state.scene.get("boxes"))))
    newer = {name: value for name, value in state.controls.items() if value != shown.get(name)}
    return with_controls(desk, document, newer) if newer else document


def acceptable(desk: Desk, state: PageState) -> Document:
    """Returns the scenario of a page that cannot be merged: with what was drawn if that is sound, else the YAML alone.

    The controls are left out; those that are newer than the YAML stay so.
    """
    try:
        return merged(desk, replace(state, controls={}))
    except InputError:
        return desk.read(state.text)


def with_controls(desk: Desk, document: Document, values: Mapping[str, Any]) -> Document:
    """Returns the scenario with the values of controls.

    Raises:
        InputError: The values do not give a scenario that can be run.
    """
    settings = {name: _field(name, value) for name, value in values.items() if name != "guidance"}
    guidance = values.get("guidance")
    return _sound(desk.with_settings(document.text, settings, None if guidance is None else float(guidance)))


def control_values(scenario: Scenario) -> dict[str, Any]:
    """Returns the values that the controls show for a scenario."""
    guidance = scenario.sampling.guidance
    return {
        "name": scenario.name,
        "time_of_day": scenario.time_of_day or "",
        "crowdedness": "" if scenario.crowdedness is None else str(scenario.crowdedness),
        "guidance": DEFAULT_GUIDANCE if guidance is None else guidance,
        "seed": str(scenario.seed),
        "duration_s": scenario.duration_s,
        "futures": scenario.futures,
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _sound(document: Document) -> Document:
    """Returns the document if it has no mistakes.

    Raises:
        InputError: It has mistakes; the message is the first of them.
    """
    if document.scenario is None:
        raise InputError(document.problems[0].message)
    return document


def _field(name: str, value: Any) -> Any:
    """Returns the value of a control as the field of the scenario that it stands for."""
    match name:
        case "seed":
            text = str(value).strip()
            if not (text.isdecimal() and text.isascii() and len(text) <= 19 and int(text) < _SEED_LIMIT):
                raise InputError("the seed must be a whole number from 0 to 2^63 - 1")
            return int(text)
        case "crowdedness":
            text = str(value or "").strip()
            if text and not (text.isdecimal() and text.isascii() and len(text) <= 3):
                raise InputError("the number of vehicles in view must be a whole number, or empty")
            return int(text) if text else None
        case "time_of_day":
            return value or None
        case "futures" | "duration_s" if value is None:
            raise InputError(f"`{name}`: give a number")
        case "futures":
            return int(value)
        case "duration_s":
            return round(float(value), 3)
    return value
