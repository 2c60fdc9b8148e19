"""The Compose tab: draw boxes on the road, choose conditions, and see the first frame."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from drivesim.errors import DrivesimError, InputError
from ui.composer import MAX_VARIANTS
from ui.document_view import DocumentView, picture_version
from ui.merging import PageState, merged, with_controls
from ui.parts import QUIET, event_field, mounted, parsed, shown_errors, text_of
from ui.services import Services

BLANK = "An empty scene"


@dataclass(frozen=True)
class ComposeTab:
    """The components of the tab."""

    library: gr.Dropdown
    upload: gr.HTML
    scene: gr.HTML
    warnings: gr.HTML
    variants: gr.HTML
    name: gr.Textbox
    time_of_day: gr.Radio
    crowdedness: gr.Textbox
    guidance: gr.Slider
    seed: gr.Textbox
    dice: gr.Button
    reuse: gr.Button
    count: gr.Slider
    compose: gr.Button
    cancel: gr.Button
    used_seed: gr.Textbox

    @classmethod
    def build(cls, services: Services, scene: str, shown: Mapping[str, Any]) -> ComposeTab:
        """Creates the components of the tab.

        Args:
            services: The services of the server.
            scene: First value of the drawing area.
            shown: First values of the controls, by their names in `merging.CONTROLS`.
        """
        with gr.Row():
            with gr.Column(scale=3, min_width=420):
                drawing = mounted("scene", ("edited", "actors"), scene, elem_id="scene")
                warnings = gr.HTML(elem_id="warnings")
            with gr.Column(scale=1, min_width=270):
                choices = [BLANK, *library_names(services.settings.library)]
                library = gr.Dropdown(
                    choices, value=BLANK, label="Load a scenario", elem_id="library", filterable=False
                )
                upload = mounted("upload", ("opened", "photo"), elem_id="upload")
                name = gr.Textbox(shown["name"], label="Name", max_length=64, elem_id="name")
                times = [("Day", "day"), ("Night", "night"), ("Model decides", "")]
                time_of_day = gr.Radio(times, value=shown["time_of_day"], label="Time of day", elem_id="time-of-day")
                crowdedness = gr.Textbox(  # a number field has no empty first value
                    shown["crowdedness"], label="Vehicles in view", placeholder="model decides", max_length=3,
                    elem_id="crowdedness",
                )  # fmt: skip
                guidance = gr.Slider(0, 20, value=shown["guidance"], step=0.5, label="Guidance", elem_id="guidance")
                with gr.Row():
                    seed = gr.Textbox(shown["seed"], label="Seed", max_length=19, elem_id="seed", scale=2, min_width=90)
                    dice = gr.Button("New", elem_id="dice", min_width=60, size="sm")
                    reuse = gr.Button("Last", elem_id="reuse", min_width=60, size="sm")
                count = gr.Slider(1, MAX_VARIANTS, value=1, step=1, label="Variants", elem_id="count")
                with gr.Row(elem_id="compose-row"):
                    compose = gr.Button("Compose", variant="primary", elem_id="compose-button", min_width=120)
                    cancel = gr.Button("Stop", elem_id="stop-composing", min_width=70, interactive=False)
                variants = mounted("variants", ("chosen",), elem_id="variants")
                used_seed = gr.Textbox(visible=False)
        return cls(
            library, upload, drawing, warnings, variants, name, time_of_day, crowdedness, guidance, seed, dice, reuse,
            count, compose, cancel, used_seed,
        )  # fmt: skip

    def wire(self, view: DocumentView, services: Services) -> None:
        """Connects the events of the components."""
        desk = services.desk

        def changed(*page: Any) -> dict[Any, Any]:
            return view.changed(PageState.of(*page))

        def drawn(*page: Any) -> dict[Any, Any]:
            state = PageState.of(*page)
            try:
                return view.changes(merged(desk, state), state)
            except DrivesimError as error:
                return view.refused(str(error), state)

        for happens in (self.scene.edited, self.scene.actors):
            happens(drawn, view.inputs, view.marks, **QUIET, trigger_mode="multiple")
        # Events that only a person causes: "input" also fires when an answer of the server changes a value.
        for happens in (
            self.name.submit, self.name.blur, self.time_of_day.select, self.crowdedness.submit, self.crowdedness.blur,
            self.guidance.release, self.seed.submit, self.seed.blur,
        ):  # fmt: skip
            happens(changed, view.inputs, view.marks, **QUIET, trigger_mode="always_last")

        def loaded(name: str, *page: Any) -> dict[Any, Any]:
            with shown_errors():
                document = desk.blank() if name == BLANK else desk.open_file(_library_file(services, name))
            return view.opened(document, PageState.of(*page))

        def opened(upload: str, *page: Any) -> dict[Any, Any]:
            return view.opened(desk.read(text_of(upload)), PageState.of(*page))

        def photo(upload: str, *page: Any) -> dict[Any, Any]:
            state = PageState.of(*page)
            with shown_errors():
                document = desk.with_picture(view.current(state).text, str(parsed(upload).get("picture")))
            return view.opened(document, state)

        shown = view.opening
        self.library.input(loaded, [self.library, *view.inputs], shown, **QUIET, trigger_mode="multiple")
        self.upload.opened(opened, [self.upload, *view.inputs], shown, **QUIET, trigger_mode="multiple")
        self.upload.photo(photo, [self.upload, *view.inputs], shown, **QUIET, trigger_mode="multiple")
        self._wire_seed(view, services)
        self._wire_composing(view, services)

    def _wire_seed(self, view: DocumentView, services: Services) -> None:
        def seeded(seed: Any, page: tuple[Any, ...]) -> dict[Any, Any]:
            state = PageState.of(*page)
            with shown_errors():
                document = with_controls(services.desk, view.current(state), {"seed": seed})
            return view.changes(document, state) | {self.seed: str(document.required().seed)}

        def new_seed(*page: Any) -> dict[Any, Any]:
            return seeded(secrets.randbelow(2**31), page)

        def last_seed(used: str, *page: Any) -> dict[Any, Any]:
            if not used:
                raise gr.Error("Nothing has been composed yet, so there is no last seed.", print_exception=False)
            return seeded(used, page)

        def chosen(event: gr.EventData, *page: Any) -> dict[Any, Any]:
            return seeded(event_field(event, "seed"), page)

        shown = [*view.marks, self.seed]
        self.dice.click(new_seed, view.inputs, shown, **QUIET, trigger_mode="multiple")
        self.reuse.click(last_seed, [self.used_seed, *view.inputs], shown, **QUIET, trigger_mode="multiple")
        self.variants.chosen(chosen, view.inputs, shown, **QUIET, trigger_mode="multiple")

    def _wire_composing(self, view: DocumentView, services: Services) -> None:
        def composed(count: float | None, variants: str, *page: Any) -> tuple[str, str]:
            services.compositions.stop(_composition(variants))  # a page follows one composition at a time
            with shown_errors():
                scenario = view.current(PageState.of(*page)).required()
                key = services.compositions.start(scenario, picture_version(scenario), int(count or 1))
                return json.dumps(services.compositions.shown(key)), str(scenario.seed)

        def stopped(variants: str) -> str:
            key = _composition(variants)
            services.compositions.stop(key)
            with shown_errors():
                if not key:
                    raise InputError("nothing is being composed")
                return json.dumps(services.compositions.shown(key))

        made = [self.variants, self.used_seed]
        self.compose.click(composed, [self.count, self.variants, *view.inputs], made, **QUIET)
        self.cancel.click(stopped, [self.variants], [self.variants], **QUIET, trigger_mode="multiple")


def _composition(variants: str) -> str:
    """Returns the id of the composition that a page follows, or an empty text."""
    return str(parsed(variants).get("id", ""))


def library_names(library: Path) -> list[str]:
    """Returns the names of the scenarios that can be loaded."""
    return sorted(path.stem for path in library.glob("*.yaml"))


def _library_file(services: Services, name: str) -> Path:
    if name not in library_names(services.settings.library):
        raise InputError("there is no such scenario in the library")
    return services.settings.library / f"{name}.yaml"
