"""The Compose tab: draw boxes on the road, choose conditions, and see the first frame."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from drivesim.errors import InputError
from ui.composer import MAX_VARIANTS
from ui.document_view import DEFAULT_GUIDANCE, DocumentView, picture_version
from ui.parts import event_field, mounted, parsed, shown_errors, text_of
from ui.services import Services

BLANK = "An empty scene"
_SEED_LIMIT = 2**63


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
    crowdedness: gr.Number
    guidance: gr.Slider
    seed: gr.Textbox
    dice: gr.Button
    reuse: gr.Button
    count: gr.Slider
    compose: gr.Button
    cancel: gr.Button
    used_seed: gr.Textbox

    @classmethod
    def build(cls, services: Services) -> ComposeTab:
        """Lays the tab out."""
        with gr.Row():
            with gr.Column(scale=3, min_width=420):
                scene = mounted("scene", ("edited", "actors"), elem_id="scene")
                warnings = gr.HTML(elem_id="warnings")
                variants = mounted("variants", ("chosen",), elem_id="variants")
            with gr.Column(scale=1, min_width=270):
                choices = [BLANK, *library_names(services.settings.library)]
                library = gr.Dropdown(
                    choices, value=BLANK, label="Load a scenario", elem_id="library", filterable=False
                )
                upload = mounted("upload", ("opened", "photo"), elem_id="upload")
                name = gr.Textbox(label="Name", max_length=64, elem_id="name")
                times = [("Day", "day"), ("Night", "night"), ("Model decides", "")]
                time_of_day = gr.Radio(times, label="Time of day", elem_id="time-of-day")
                crowdedness = gr.Number(
                    label="Vehicles in view (empty: model decides)", minimum=0, maximum=64, precision=0,
                    elem_id="crowdedness",
                )  # fmt: skip
                guidance = gr.Slider(
                    1, 12, value=DEFAULT_GUIDANCE, step=0.5, label="Guidance",
                    elem_id="guidance",
                )  # fmt: skip
                with gr.Row():
                    seed = gr.Textbox(label="Seed", max_length=19, elem_id="seed", scale=2, min_width=90)
                    dice = gr.Button("New", elem_id="dice", min_width=60, size="sm")
                    reuse = gr.Button("Last", elem_id="reuse", min_width=60, size="sm")
                count = gr.Slider(1, MAX_VARIANTS, value=1, step=1, label="Variants", elem_id="count")
                with gr.Row():
                    compose = gr.Button("Compose", variant="primary", elem_id="compose-button", min_width=120)
                    cancel = gr.Button("Stop", elem_id="stop-composing", min_width=70)
                used_seed = gr.Textbox(visible=False)
        return cls(
            library, upload, scene, warnings, variants, name, time_of_day, crowdedness, guidance, seed, dice, reuse,
            count, compose, cancel, used_seed,
        )  # fmt: skip

    def wire(self, view: DocumentView, services: Services) -> None:
        """Says what happens when the components are used."""
        desk, given = services.desk, [view.editor, view.preset]

        def drawn(editor: str, preset: str, scene: str) -> dict[Any, Any]:
            value = parsed(scene)
            with shown_errors():
                document = desk.with_boxes(text_of(editor), json.dumps(value.get("boxes")))
            return view.updates(document, preset, _edit_number(value))

        def actors_changed(editor: str, preset: str, scene: str) -> dict[Any, Any]:
            value = parsed(scene)
            with shown_errors():
                document = desk.with_actors(text_of(editor), json.dumps(value.get("rows")))
            return view.updates(document, preset)

        self.scene.edited(drawn, [*given, self.scene], view.outputs, **_quiet("always_last"))
        self.scene.actors(actors_changed, [*given, self.scene], view.outputs, **_quiet("always_last"))

        def loaded(name: str, preset: str) -> dict[Any, Any]:
            with shown_errors():
                document = desk.blank() if name == BLANK else desk.open_file(_library_file(services, name))
            return view.updates(document, preset)

        self.library.input(loaded, [self.library, view.preset], view.outputs, **_quiet())

        def opened(upload: str, preset: str) -> dict[Any, Any]:
            text = parsed(upload).get("text")
            return view.updates(desk.read(text if isinstance(text, str) else ""), preset)

        def photo(upload: str, editor: str, preset: str) -> dict[Any, Any]:
            with shown_errors():
                return view.updates(desk.with_picture(text_of(editor), str(parsed(upload).get("picture"))), preset)

        self.upload.opened(opened, [self.upload, view.preset], view.outputs, **_quiet())
        self.upload.photo(photo, [self.upload, *given], view.outputs, **_quiet())
        self._wire_settings(view, services)
        self._wire_composing(view, services)

    def _wire_settings(self, view: DocumentView, services: Services) -> None:
        def changed(name: str):
            def apply(editor: str, preset: str, value: Any) -> dict[Any, Any]:
                with shown_errors():
                    if name == "guidance":
                        document = services.desk.with_settings(text_of(editor), {}, guidance=value)
                    else:
                        document = services.desk.with_settings(text_of(editor), {name: _setting(name, value)})
                return view.updates(document, preset)

            return apply

        given = [view.editor, view.preset]
        self.name.submit(changed("name"), [*given, self.name], view.outputs, **_quiet())
        self.name.blur(changed("name"), [*given, self.name], view.outputs, **_quiet())
        self.time_of_day.input(changed("time_of_day"), [*given, self.time_of_day], view.outputs, **_quiet())
        self.crowdedness.input(
            changed("crowdedness"), [*given, self.crowdedness], view.outputs, **_quiet("always_last")
        )
        self.guidance.release(changed("guidance"), [*given, self.guidance], view.outputs, **_quiet())
        self.seed.submit(changed("seed"), [*given, self.seed], view.outputs, **_quiet())
        self.seed.blur(changed("seed"), [*given, self.seed], view.outputs, **_quiet())

        def new_seed(editor: str, preset: str) -> dict[Any, Any]:
            return changed("seed")(editor, preset, str(secrets.randbelow(2**31)))

        def last_seed(editor: str, preset: str, used: str) -> dict[Any, Any]:
            if not used:
                raise gr.Error("Nothing was composed yet, so there is no last seed.", print_exception=False)
            return changed("seed")(editor, preset, used)

        self.dice.click(new_seed, given, view.outputs, **_quiet())
        self.reuse.click(last_seed, [*given, self.used_seed], view.outputs, **_quiet())

        def chosen(editor: str, preset: str, event: gr.EventData) -> dict[Any, Any]:
            return changed("seed")(editor, preset, event_field(event, "seed"))

        self.variants.chosen(chosen, given, view.outputs, **_quiet())

    def _wire_composing(self, view: DocumentView, services: Services) -> None:
        def composed(editor: str, count: float) -> Iterator[tuple[str, str]]:
            with shown_errors():
                scenario = services.desk.read(text_of(editor)).required()
                number, version, made = int(count), picture_version(scenario), []
                seed = str(scenario.seed)
                yield json.dumps({"variants": [], "waiting": number}), seed
                for variant in services.composer.compose(scenario, number):
                    made.append({**variant.as_dict(), "version": version})
                    yield json.dumps({"variants": made, "waiting": number - len(made)}), seed

        def stopped(variants: str) -> str:
            return json.dumps({"variants": parsed(variants).get("variants", []), "waiting": 0})

        running = self.compose.click(
            composed, [view.editor, self.count], [self.variants, self.used_seed], concurrency_limit=1,
            concurrency_id="models", show_progress="hidden", api_visibility="private",
        )  # fmt: skip
        self.cancel.click(stopped, [self.variants], [self.variants], cancels=[running], **_quiet())


def library_names(library: Path) -> list[str]:
    """The scenarios that can be loaded."""
    return sorted(path.stem for path in library.glob("*.yaml"))


def _library_file(services: Services, name: str) -> Path:
    if name not in library_names(services.settings.library):
        raise InputError("there is no such scenario in the library")
    return services.settings.library / f"{name}.yaml"


def _setting(name: str, value: Any) -> Any:
    """What a control says, as the field of the scenario that it stands for."""
    if name == "seed":
        text = str(value).strip()
        if not text.isdecimal() or not text.isascii() or int(text) >= _SEED_LIMIT:
            raise InputError("the seed is a whole number from 0 to 2^63 - 1")
        return int(text)
    if name == "time_of_day":
        return value or None
    return value


def _edit_number(value: dict[str, Any]) -> int | None:
    edit = value.get("edit")
    return edit if isinstance(edit, int) and not isinstance(edit, bool) else None


def _quiet(trigger_mode: str = "multiple") -> dict[str, Any]:
    """Options of events that answer at once: beside the queue, without a spinner, and not in the public interface."""
    return {"queue": False, "show_progress": "hidden", "trigger_mode": trigger_mode, "api_visibility": "private"}
