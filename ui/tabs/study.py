"""The Study tab: two sides, pairs in random and blinded order, votes, and their results."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from drivesim.errors import InputError
from ui.panes import NONE_YET, name_of, player_json
from ui.parts import QUIET, mounted, shown_errors
from ui.preference import EQUAL, SIDES, Clip, Study
from ui.services import Services

AGAIN = "Choose other rollouts and press Start for another study."
EMPTY = (
    "Choose the rollouts of both sides, for instance those of two models, and press Start. Their futures are then "
    "shown in pairs, in random order and without names, and you say which one is better."
)


@dataclass(frozen=True)
class StudyTab:
    """The components of the tab."""

    side_a: gr.Dropdown
    side_b: gr.Dropdown
    start: gr.Button
    player: gr.HTML
    left: gr.Button
    equal: gr.Button
    right: gr.Button
    question: gr.HTML
    results: gr.HTML
    study: gr.Textbox
    number: gr.Number

    @classmethod
    def build(cls) -> StudyTab:
        """Creates the components of the tab."""
        with gr.Row(equal_height=True):
            side_a = gr.Dropdown([], multiselect=True, label="Side A", elem_id="side-a", min_width=220)
            side_b = gr.Dropdown([], multiselect=True, label="Side B", elem_id="side-b", min_width=220)
            start = gr.Button("Start", variant="primary", elem_id="study-start", min_width=90, scale=0)
        question = gr.HTML(elem_id="study-question")
        player = mounted("player", (), _pair_json(None), elem_id="study-player")
        with gr.Row():
            left = gr.Button("Left is better", elem_id="vote-left", interactive=False, min_width=110)
            equal = gr.Button("Equal", elem_id="vote-equal", interactive=False, min_width=110)
            right = gr.Button("Right is better", elem_id="vote-right", interactive=False, min_width=110)
        results = gr.HTML(elem_id="study-results")
        study, number = gr.Textbox(visible=False), gr.Number(value=0, precision=0, visible=False)
        return cls(side_a, side_b, start, player, left, equal, right, question, results, study, number)

    @property
    def listed(self) -> list[Any]:
        """The outputs of `listing`."""
        return [self.side_a, self.side_b, self.player]

    def listing(self, services: Services, key: str) -> tuple[Any, Any, Any]:
        """Returns the dropdowns with the rollouts that are in the folder now, and what to do if no study has begun."""
        choices = [(entry.title, entry.id) for entry in services.archives.entries()]
        player = gr.skip() if key else player_json([], EMPTY if choices else NONE_YET)
        return gr.Dropdown(choices=choices), gr.Dropdown(choices=choices), player

    def wire(self, services: Services) -> None:
        """Connects the events of the components."""
        shown = [self.study, self.number, self.question, self.player, self.left, self.equal, self.right, self.results]

        def started(side_a: list[str], side_b: list[str]) -> tuple[Any, ...]:
            with shown_errors():
                if set(side_a or ()) & set(side_b or ()):
                    raise InputError("a rollout is on both sides; choose others for one of them")
                (title_a, a), (title_b, b) = (_side(services, keys) for keys in (side_a, side_b))
                return _state(services.studies.start(title_a, title_b, a, b))

        def voting(vote: str) -> Callable[[str, float], tuple[Any, ...]]:
            def apply(key: str, number: float) -> tuple[Any, ...]:
                with shown_errors():
                    study = services.studies.get(key)
                    study.vote(int(number), vote)
                    return _state(study)

            return apply

        self.start.click(started, [self.side_a, self.side_b], shown, **QUIET)
        for button, vote in ((self.left, SIDES[0]), (self.equal, EQUAL), (self.right, SIDES[1])):
            button.click(voting(vote), [self.study, self.number], shown, **QUIET)


def _side(services: Services, keys: list[str]) -> tuple[str, list[Clip]]:
    """Returns the title of a side and its futures that have frames."""
    if not keys:
        raise InputError("choose at least one rollout for each side")
    clips, titles = [], []
    for key in keys:
        entry, archive = services.archives.entry(key), services.archives.open(key)
        titles.append(entry.title)
        if archive.layout.keeps_frames:
            clips += [
                Clip(
                    key,
                    rollout.future,
                    f"{name_of(archive)}, future {rollout.future}",
                    rollout.num_committed_frames,
                    archive.layout.fps,
                )
                for rollout in archive.rollouts
                if rollout.num_committed_frames
            ]
    return ", ".join(titles), clips


def _state(study: Study) -> tuple[Any, ...]:
    done = len(study.votes)
    voting = study.current is not None
    question = (
        f'<p class="ds-note">Pair {done + 1} of {len(study.pairs)}: which is better? '
        "Sides change at random and are not named.</p>"
        if voting
        else '<p class="ds-note">All pairs have been judged.</p>'
    )
    buttons = [gr.Button(interactive=voting)] * 3
    return study.id, done, question, _pair_json(study), *buttons, results_html(study)


def _pair_json(study: Study | None) -> str:
    """Returns the value of the player: both clips of the pair, at addresses that do not reveal their sides."""
    if study is None or study.current is None:
        return json.dumps({"panes": [], "empty": EMPTY if study is None else AGAIN})
    number = len(study.votes)
    return json.dumps({"panes": [_blind_pane(study, number, side) for side in SIDES], "empty": "", "pair": number})


def _blind_pane(study: Study, number: int, side: str) -> dict[str, Any]:
    clip, url = study.pairs[number].side(side), f"/media/study/{study.id}/{number}/{side}"
    return {"title": side.capitalize(), "url": url, "frames": clip.frames, "fps": clip.fps}


def results_html(study: Study) -> str:
    """Returns the results as HTML: the number of votes while a study runs, then counts, percentages and intervals."""
    if study.current is not None:
        return (
            f'<p class="ds-fine">{len(study.votes)} of {len(study.pairs)} judged. The result is shown at the end.</p>'
        )
    names = {"A": f"A: {study.title_a}", "B": f"B: {study.title_b}", EQUAL: "equal"}
    rows = "".join(
        f"<tr><td>{html.escape(names[s.choice])}</td><td>{s.count}</td><td>{s.percent:.0f} %</td>"
        f"<td>{s.low:.0f} to {s.high:.0f} %</td></tr>"
        for s in study.results()
    )
    head = "<tr><th>preferred</th><th>votes</th><th>share</th><th>95 % interval (Wilson)</th></tr>"
    links = "".join(
        f'<a class="ds-tool" href="/media/study/{study.id}/{table}.csv" download="study_{table}.csv">{text}</a>'
        for table, text in (("results", "Results as CSV"), ("votes", "Votes as CSV"))
    )
    return f'<table class="ds-facts">{head}{rows}</table><div class="ds-tools" style="margin-top:8px">{links}</div>'
