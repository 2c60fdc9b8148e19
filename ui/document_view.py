"""The components that show the scenario on screen, and the values that they show."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from drivesim.scenario import Scenario
from ui.document import Document
from ui.merging import PageState, acceptable, control_values, merged
from ui.parts import shown_errors
from ui.scene_view import scene_json
from ui.services import Services

_NOT_IN_PICTURE = ("seed", "duration_s")


@dataclass(frozen=True)
class DocumentView:
    """Every component that shows a part of the scenario; `controls` have the order of `merging.CONTROLS`."""

    services: Services
    editor: gr.HTML
    scene: gr.HTML
    preset: gr.Radio
    controls: tuple[Any, ...]
    warnings: gr.HTML
    source: gr.HTML
    takeaway: gr.HTML
    variants: gr.HTML

    @property
    def inputs(self) -> list[Any]:
        """The inputs of every event that changes or uses the scenario; `PageState.of` reads them."""
        return [self.editor, self.scene, self.preset, *self.controls]

    @property
    def marks(self) -> list[Any]:
        """The outputs of a change by drawing or with a control; the controls themselves stay as they are."""
        return [self.editor, self.scene, self.warnings, self.source, self.takeaway]

    @property
    def outputs(self) -> list[Any]:
        """The outputs of an event after which the page shows another scenario."""
        return [*self.marks, *self.controls]

    @property
    def opening(self) -> list[Any]:
        """The outputs of an event that opens a scenario."""
        return [*self.outputs, self.variants]

    def current(self, state: PageState) -> Document:
        """Returns the document on the page; a change that cannot be merged is reported as a message on the page."""
        with shown_errors():
            return merged(self.services.desk, state)

    def changed(self, state: PageState) -> dict[Any, Any]:
        """Returns new values of `marks` after a control has been used, which may have left everything as it was."""
        document = self.current(state)
        if document.text == state.text:
            return {self.takeaway: _stamped(takeaway_json(document, state.preset, self.services), state)}
        return self.changes(document, state)

    def changes(self, document: Document, state: PageState, replacement: int | None = None) -> dict[Any, Any]:
        """Returns new values of `marks` for the page in `state`.

        Args:
            document: The scenario to show.
            state: The page that asked.
            replacement: Serial of the request that put this scenario in place of another; None for that of `state`.
        """
        parts = {
            self.editor: editor_json(document, state.edit, state.revision),
            self.scene: drawing_json(document, self.services, state.edit),
            self.takeaway: takeaway_json(document, state.preset, self.services),
        }
        stamped = {part: _stamped(text, state, replacement) for part, text in parts.items()}
        return {**stamped, self.warnings: warnings_html(document), self.source: source_html(document)}

    def refused(self, reason: str, state: PageState) -> dict[Any, Any]:
        """Returns new values of `marks` without the changes that cannot be merged, and with the reason."""
        values = self.changes(acceptable(self.services.desk, state), state)
        return {**values, self.scene: json.dumps({**json.loads(values[self.scene]), "refused": reason})}

    def replaced(self, document: Document, state: PageState) -> dict[Any, Any]:
        """Returns new values of `outputs` for another scenario; if it has mistakes, the controls stay as they are."""
        values = self.changes(document, state, state.serial)
        if document.scenario is None:
            return values
        return values | dict(zip(self.controls, control_values(document.scenario).values(), strict=True))

    def opened(self, document: Document, state: PageState) -> dict[Any, Any]:
        """Returns new values of `opening` for a scenario that was opened; its variants are yet to be composed."""
        return {**self.replaced(document, state), self.variants: "{}"}


def _stamped(text: str, state: PageState, replacement: int | None = None) -> str:
    """Returns the value of a component with what the page needs to tell a late answer from a new one."""
    order = {"serial": state.serial, "replacement": state.replacement if replacement is None else replacement}
    return json.dumps({**json.loads(text), **order})


def drawing_json(document: Document, services: Services, edit: int = 0) -> str:
    """Returns the value of the drawing area.

    Args:
        document: The scenario.
        services: The services of the server.
        edit: Number of the last drawing that the document contains.
    """
    scene = json.loads(scene_json(document, services.media))
    return json.dumps({**scene, "version": picture_version(document.scenario), "edit": edit})


def takeaway_json(document: Document, preset: str, services: Services) -> str:
    """Returns the YAML for download and the command line that gives the same bits; empty if there are mistakes."""
    scenario = document.scenario
    if scenario is None:
        return "{}"
    file = f"{scenario.name}.yaml"
    picture = None if scenario.first_frame is None else Path(scenario.first_frame).name
    command = command_line(file, preset, services)
    return json.dumps({"file": file, "text": document.text, "command": command, "picture": picture})


def command_line(file: str, preset: str, services: Services) -> str:
    """Returns the command that makes the same futures as the page."""
    settings = services.settings
    parts = ["drivesim", "rollout", file, "--out", "out", "--preset", preset]
    if settings.device != "auto":
        parts += ["--device", settings.device]
    if settings.threads != 1:
        parts += ["--threads", str(settings.threads)]
    if settings.checkpoints_given is not None:
        parts += ["--checkpoints", settings.checkpoints_given]
    return " ".join(parts)


def picture_version(scenario: Scenario | None) -> str:
    """Returns a key that is equal for two scenarios whose first frames differ in nothing but the seed."""
    if scenario is None:
        return ""
    decisive = {name: value for name, value in scenario.canonical().items() if name not in _NOT_IN_PICTURE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def editor_json(document: Document, edit: int = 0, revision: int = 0) -> str:
    """Returns the value of the editor: the text, notes at their lines, and what the page shows with it (`merging`).

    Args:
        document: The scenario.
        edit: Number of the last drawing that the document contains.
        revision: Number of the last typed text that the document contains.
    """
    notes = [{"kind": "problem", "line": n.line, "column": n.column, "message": n.message} for n in document.problems]
    notes += [{"kind": "warning", "line": n.line, "column": n.column, "message": n.message} for n in document.warnings]
    value: dict[str, Any] = {"text": document.text, "notes": notes, "revision": revision}
    if document.scenario is not None:
        value["shown"] = {**control_values(document.scenario), "edit": edit}
    return json.dumps(value)


def warnings_html(document: Document) -> str:
    """Returns HTML that lists, below the drawing area, what is implausible or wrong in the scenario."""
    if document.scenario is None:
        first = document.problems[0]
        where = f"The YAML of the Scenario tab has a mistake in line {first.line}"
        return f'<p class="ds-bad">{where}: {html.escape(first.message)}</p>'
    if not document.warnings:
        return "" if document.scenario.layout() is None else '<p class="ds-fine">Nothing implausible.</p>'
    items = "".join(f"<li>{html.escape(note.message)}</li>" for note in document.warnings)
    return f'<ul class="ds-warnings">{items}</ul>'


def source_html(document: Document) -> str:
    """Returns HTML that says which scenario will be rolled out."""
    scenario = document.scenario
    if scenario is None:
        return '<p class="ds-bad">The YAML of the Scenario tab has a mistake. Correct it to roll the scenario out.</p>'
    layout = scenario.layout()
    if scenario.first_frame is not None:
        content = "from its picture"
    elif layout is None:
        content = "vehicles left to the model"
    else:
        count = len(layout.category)
        content = f"{count} {'vehicle' if count == 1 else 'vehicles'}"
    name, time = html.escape(scenario.name), scenario.time_of_day or "time of day left to the model"
    return f'<p class="ds-note">On screen: <b>{name}</b> · {time} · {content} · seed {scenario.seed}</p>'
