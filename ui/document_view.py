"""The components that show the scenario on screen, all brought up to date together."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from drivesim.scenario import Scenario
from ui.document import Document
from ui.scene_view import scene_json
from ui.services import Services

DEFAULT_GUIDANCE = 6.0
_NOT_IN_PICTURE = ("seed", "duration_s")


@dataclass(frozen=True)
class DocumentView:
    """Every component that says something about the scenario."""

    services: Services
    editor: gr.HTML
    scene: gr.HTML
    warnings: gr.HTML
    takeaway: gr.HTML
    name: gr.Textbox
    time_of_day: gr.Radio
    crowdedness: gr.Number
    guidance: gr.Slider
    seed: gr.Textbox
    duration: gr.Slider
    futures: gr.Slider
    preset: gr.Radio

    @property
    def outputs(self) -> list[Any]:
        """What `updates` may change."""
        return [
            self.editor, self.scene, self.warnings, self.takeaway, self.name, self.time_of_day, self.crowdedness,
            self.guidance, self.seed, self.duration, self.futures,
        ]  # fmt: skip

    def updates(self, document: Document, preset: str, edit: int | None = None) -> dict[Any, Any]:
        """The new values; `edit` is the number of the drawing that this document answers to."""
        scenario = document.scenario
        scene = {**json.loads(scene_json(document, self.services.media)), "version": picture_version(scenario)}
        if edit is not None:
            scene["edit"] = edit
        changes = {
            self.editor: editor_json(document),
            self.scene: json.dumps(scene),
            self.warnings: warnings_html(document),
            self.takeaway: self.takeaway_json(document, preset),
        }
        if scenario is None:
            return changes
        guidance = scenario.sampling.guidance
        return changes | {
            self.name: scenario.name,
            self.time_of_day: scenario.time_of_day or "",
            self.crowdedness: scenario.crowdedness,
            self.guidance: DEFAULT_GUIDANCE if guidance is None else guidance,
            self.seed: str(scenario.seed),
            self.duration: scenario.duration_s,
            self.futures: scenario.futures,
        }

    def takeaway_json(self, document: Document, preset: str) -> str:
        """The YAML to download and the command line that gives the same bits; nothing where there are mistakes."""
        scenario = document.scenario
        if scenario is None:
            return "{}"
        file = f"{scenario.name}.yaml"
        picture = None if scenario.first_frame is None else scenario.first_frame.rsplit("/", 1)[-1]
        command = command_line(file, preset, self.services)
        return json.dumps({"file": file, "text": document.text, "command": command, "picture": picture})


def command_line(file: str, preset: str, services: Services) -> str:
    """The command that makes the same futures as the page."""
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
    """Equal for two scenarios whose first frame is the same but for the seed."""
    if scenario is None:
        return ""
    decisive = {name: value for name, value in scenario.canonical().items() if name not in _NOT_IN_PICTURE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def editor_json(document: Document) -> str:
    """The value of the editor: the text, and notes at their lines."""
    notes = [{"kind": "problem", "line": n.line, "column": n.column, "message": n.message} for n in document.problems]
    notes += [{"kind": "warning", "line": n.line, "column": n.column, "message": n.message} for n in document.warnings]
    return json.dumps({"text": document.text, "notes": notes})


def warnings_html(document: Document) -> str:
    """What is implausible or wrong about the scenario, for below the drawing area."""
    if document.scenario is None:
        first = document.problems[0]
        return f'<p class="ds-bad">Line {first.line}: {html.escape(first.message)}</p>'
    if not document.warnings and document.scenario.layout() is None:
        return ""
    if not document.warnings:
        return '<p class="ds-fine">Nothing implausible.</p>'
    items = "".join(f"<li>{html.escape(note.message)}</li>" for note in document.warnings)
    return f'<ul class="ds-warnings">{items}</ul>'
