"""The Futures tab: roll out the scenario on screen, watch its futures side by side, and branch from any frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from drivesim.errors import DrivesimError, InputError
from ui.archives import scenario_of
from ui.document_view import DocumentView
from ui.jobs import ACTIVE, JobState
from ui.merging import PageState
from ui.panes import future_pane, player_json
from ui.parts import QUIET, event_field, mounted, parsed, shown_errors
from ui.progress_view import progress_html
from ui.services import Services

EMPTY = "No futures yet. Press Roll out to make them."
NO_FRAMES = "The rollout ended before its first frames. Press Roll out to continue it."
_SAME = "same"


@dataclass(frozen=True)
class FuturesTab:
    """The components of the tab."""

    futures: gr.Number
    duration: gr.Number
    preset: gr.Radio
    run: gr.Button
    cancel: gr.Button
    source: gr.HTML
    progress: gr.HTML
    player: gr.HTML
    branch_time: gr.Radio
    job: gr.Textbox
    timer: gr.Timer

    @classmethod
    def build(cls, shown: Mapping[str, Any], source: str) -> FuturesTab:
        """Creates the components of the tab, whose controls show the values in `shown`.

        Args:
            shown: First values of the controls, by their names in `merging.CONTROLS`.
            source: HTML that says which scenario is on screen.
        """
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=230):
                with gr.Row():
                    futures = gr.Number(
                        shown["futures"],
                        label="Futures",
                        minimum=1,
                        maximum=64,
                        precision=0,
                        elem_id="futures",
                        min_width=90,
                    )
                    duration = gr.Number(
                        shown["duration_s"], label="Seconds of each", minimum=0.4, maximum=3600, step=0.2,
                        elem_id="duration", min_width=110,
                    )  # fmt: skip
                presets = [("Fast: 10 frames per second", "fast"), ("Quality: 40, and more steps", "quality")]
                preset = gr.Radio(presets, value="fast", label="Preset", elem_id="preset")
                with gr.Row():
                    run = gr.Button("Roll out", variant="primary", elem_id="run-button", min_width=110)
                    cancel = gr.Button("Cancel", elem_id="cancel-button", min_width=80, interactive=False)
                times = [("As it was", _SAME), ("Day", "day"), ("Night", "night")]
                branch_time = gr.Radio(times, value=_SAME, label="Time of day of a branch", elem_id="branch-time")
            with gr.Column(scale=4, min_width=420):
                said = gr.HTML(source, elem_id="source")
                progress = gr.HTML(elem_id="progress")
                player = mounted("player", ("branch",), player_json([], EMPTY), elem_id="player")
        job = gr.Textbox(visible=False)
        timer = gr.Timer(0.8, active=False)
        return cls(futures, duration, preset, run, cancel, said, progress, player, branch_time, job, timer)

    @property
    def _followed(self) -> list[Any]:
        return [self.progress, self.player, self.cancel, self.timer]

    def wire(self, view: DocumentView, services: Services) -> None:
        """Connects the events of the components; `wire_branch` connects `branched`."""

        def changed(*page: Any) -> dict[Any, Any]:
            return view.changed(PageState.of(*page))

        for happens in (
            self.futures.submit, self.futures.blur, self.duration.submit, self.duration.blur, self.preset.select,
        ):  # fmt: skip
            happens(changed, view.inputs, view.marks, **QUIET, trigger_mode="always_last")

        def submitted(*page: Any) -> tuple[Any, ...]:
            state = PageState.of(*page)
            with shown_errors():
                key = services.jobs.submit(view.current(state).required(), state.preset)
            return key, *self._state(services, services.jobs.get(key))

        def cancelled(key: str) -> tuple[Any, ...]:
            services.jobs.cancel(key)
            return self._state(services, services.jobs.get(key))

        def followed(key: str) -> tuple[Any, ...]:
            return self._state(services, services.jobs.get(key))

        self.run.click(submitted, view.inputs, [self.job, *self._followed], **QUIET)
        self.cancel.click(cancelled, [self.job], self._followed, **QUIET)
        self.timer.tick(followed, [self.job], self._followed, **QUIET)

    def attached(self, services: Services) -> tuple[Any, ...]:
        """Shows the job that is running on the server when a page is opened."""
        job = services.jobs.current()
        return "" if job is None else job.id, *self._state(services, job)

    def wire_branch(self, view: DocumentView, services: Services, tabs: gr.Tabs) -> None:
        """Connects branching, which replaces the scenario on screen by one that starts from the frame."""

        def branched(event: gr.EventData, player: str, branch_time: str, *page: Any) -> dict[Any, Any]:
            with shown_errors():
                document = _branch(services, parsed(player), event, branch_time)
            gr.Info("The branch is on screen: change its conditions, then roll it out.", duration=6)
            return {**view.opened(document, PageState.of(*page)), tabs: gr.Tabs(selected="compose")}

        given = [self.player, self.branch_time, *view.inputs]
        self.player.branch(branched, given, [*view.opening, tabs], **QUIET)

    def _state(self, services: Services, job: JobState | None) -> tuple[Any, ...]:
        active = job is not None and job.state in ACTIVE
        player = player_json([], EMPTY) if job is None else _player(services, job)
        return progress_html(job), player, gr.Button(interactive=active), gr.Timer(active=active)


def _player(services: Services, job: JobState) -> str:
    waiting = "The first frames are being generated." if job.state in ACTIVE else NO_FRAMES
    try:
        key = services.archives.key_of(job.archive)
        archive = services.archives.open(key)
    except DrivesimError:
        return player_json([], waiting)
    titles = [f"Future {future}" for future in range(len(archive.rollouts))]
    panes = [future_pane(key, archive, future, title, True, False) for future, title in enumerate(titles)]
    return player_json(panes, waiting, keep=True)


def _branch(services: Services, player: dict[str, Any], event: gr.EventData, branch_time: str) -> Any:
    number, frame = event_field(event, "pane"), event_field(event, "frame")
    panes = player.get("panes")
    if not isinstance(number, int) or not isinstance(frame, int) or not isinstance(panes, list):
        raise InputError("choose a frame to branch from")
    if not 0 <= number < len(panes) or not isinstance(panes[number], dict):
        raise InputError("choose a frame to branch from")
    key, future = panes[number].get("archive"), panes[number].get("future")
    if not isinstance(key, str) or not isinstance(future, int):
        raise InputError("choose a frame to branch from")
    archive = services.archives.open(key)
    picture = services.desk.pictures.add_frame(services.archives.frame(key, future, frame))
    return services.desk.branch(scenario_of(archive), picture, None if branch_time == _SAME else branch_time)
