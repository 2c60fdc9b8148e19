"""The Archives tab: browse the output folder, scrub through any rollout, see its origin, and compare two."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from drivesim.archive import Archive, check_archive
from drivesim.errors import DrivesimError, InputError
from ui.archives import scenario_of, summary
from ui.document_view import DocumentView
from ui.merging import PageState
from ui.panes import NONE_YET, future_pane, player_json
from ui.parts import QUIET, mounted, shown_errors
from ui.services import Services

EMPTY = "Choose a rollout."
ALL = -1
MAX_PANES = 8


@dataclass(frozen=True)
class ArchivesTab:
    """The components of the tab."""

    archive: gr.Dropdown
    future: gr.Dropdown
    other: gr.Dropdown
    other_future: gr.Dropdown
    refresh: gr.Button
    check: gr.Button
    to_screen: gr.Button
    player: gr.HTML
    facts: gr.HTML
    checked: gr.HTML

    @classmethod
    def build(cls) -> ArchivesTab:
        """Creates the components of the tab."""
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=250):
                archive = gr.Dropdown([], value=None, label="Rollout", elem_id="archive", filterable=False)
                future = gr.Dropdown(
                    [("all", ALL)], value=ALL, label="Future", elem_id="archive-future", filterable=False
                )
                other = gr.Dropdown(
                    [("nothing", "")], value="", label="Compare with", elem_id="archive-other", filterable=False
                )
                other_future = gr.Dropdown(
                    [("0", 0)], value=0, label="Its future", elem_id="archive-other-future", filterable=False
                )
                with gr.Row():
                    refresh = gr.Button("Refresh list", min_width=100, size="sm", elem_id="archive-refresh")
                    to_screen = gr.Button("Open scenario", min_width=110, size="sm", elem_id="archive-open")
                check = gr.Button("Check every byte", size="sm", elem_id="archive-check")
                checked = gr.HTML(elem_id="archive-checked")
            with gr.Column(scale=4, min_width=420):
                player = mounted("player", (), player_json([], NONE_YET), elem_id="archive-player")
                facts = gr.HTML(elem_id="archive-facts")
        return cls(archive, future, other, other_future, refresh, check, to_screen, player, facts, checked)

    @property
    def listed(self) -> list[Any]:
        """The outputs of `listing`."""
        return [self.archive, self.other, self.player]

    def listing(self, services: Services, key: str | None) -> tuple[Any, Any, Any]:
        """Returns the dropdowns with the rollouts that are in the folder now, and what to do if none is chosen."""
        choices = [(entry.title, entry.id) for entry in services.archives.entries()]
        player = gr.skip() if key else player_json([], EMPTY if choices else NONE_YET)
        return gr.Dropdown(choices=choices), gr.Dropdown(choices=[("nothing", ""), *choices]), player

    def wire(self, view: DocumentView, services: Services, tabs: gr.Tabs) -> None:
        """Connects the events of the components."""
        shown = [self.player, self.facts, self.checked]
        chosen = [self.archive, self.future, self.other, self.other_future]

        def opened(key: str | None) -> tuple[Any, ...]:
            if not key:
                return gr.Dropdown(), player_json([], EMPTY), "", ""
            with shown_errors():
                archive = services.archives.open(key)
            choices = [("all", ALL), *((str(k), k) for k in range(len(archive.rollouts)))]
            return gr.Dropdown(choices=choices, value=ALL), *_shown(services, key, ALL, "", 0)

        def other_opened(key: str | None, future: int, other: str | None) -> tuple[Any, ...]:
            with shown_errors():
                count = len(services.archives.open(other).rollouts) if other else 1
            choices = [(str(k), k) for k in range(count)]
            return gr.Dropdown(choices=choices, value=0), *_shown(services, key, future, other, 0)

        def compared(key: str | None, future: int, other: str | None, other_future: int) -> tuple[str, str, str]:
            return _shown(services, key, future, other, other_future)

        self.archive.input(opened, [self.archive], [self.future, *shown], **QUIET)
        self.other.input(other_opened, chosen[:3], [self.other_future, *shown], **QUIET)
        self.future.input(compared, chosen, shown, **QUIET)
        self.other_future.input(compared, chosen, shown, **QUIET)
        self.refresh.click(lambda key: self.listing(services, key), [self.archive], self.listed, **QUIET)

        def checked(key: str | None) -> str:
            with shown_errors():
                return check_html(services, _required(key))

        self.check.click(checked, [self.archive], [self.checked], **{**QUIET, "show_progress": "minimal"})

        def to_screen(key: str | None, *page: Any) -> dict[Any, Any]:
            with shown_errors():
                scenario = scenario_of(services.archives.open(_required(key)))
            document = services.desk.read(services.desk.portable(scenario))
            return {**view.opened(document, PageState.of(*page)), tabs: gr.Tabs(selected="compose")}

        self.to_screen.click(to_screen, [self.archive, *view.inputs], [*view.opening, tabs], **QUIET)


def _shown(services: Services, key: str | None, future: int, other: str | None, other_future: int) -> tuple[Any, ...]:
    """Returns the player, the facts, and an empty check result for the chosen rollouts."""
    if not key:
        return player_json([], EMPTY), "", ""
    with shown_errors():
        archive = services.archives.open(key)
        futures = range(len(archive.rollouts)) if future == ALL and not other else [max(future, 0)]
        panes = _panes(services, key, list(futures)[:MAX_PANES])
        if other:
            panes += _panes(services, other, [other_future])
    empty = "This rollout stores only latents, or has no frames yet."
    return player_json(panes, empty), facts_html(archive), ""


def _panes(services: Services, key: str, futures: Iterable[int]) -> list[dict[str, Any]]:
    archive, title = services.archives.open(key), services.archives.entry(key).title
    for future in futures:
        if not 0 <= future < len(archive.rollouts):
            raise InputError("this rollout has no such future")
    return [future_pane(key, archive, k, f"{title}, future {k}", False, True) for k in futures]


def facts_html(archive: Archive) -> str:
    """Returns the origin of an archive as an HTML table."""
    inputs, provenance = archive.manifest.inputs, archive.provenance
    scenario = inputs.get("scenario")
    facts = {
        "holds": summary(archive),
        "seed": scenario.get("seed") if isinstance(scenario, dict) else None,
        "preset": provenance.get("preset"),
        "models": provenance.get("models"),
        "made with": _words(provenance.get("versions")),
        "on": " ".join(str(part) for part in (inputs.get("device"), f"{inputs.get('threads')} thread(s) per worker")),
        "identity": archive.manifest.identity,
        "contents": ", ".join(f"{k}: {r.content_sha256[:16]}" for k, r in enumerate(archive.rollouts)),
        "stages": _words({k: str(v)[:12] for k, v in (inputs.get("checkpoints") or {}).items()}),
    }
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value not in (None, "")
    )
    return f'<table class="ds-facts">{rows}</table>'


def check_html(services: Services, key: str) -> str:
    """Checks every byte of an archive and returns the result as HTML."""
    entry = services.archives.entry(key)
    try:
        found = check_archive(entry.path, read_data=True)
    except DrivesimError as error:
        return f'<p class="ds-bad">{html.escape(str(error).replace(str(entry.path), entry.title))}</p>'
    if not found:
        return '<p class="ds-fine">Every byte is as it was committed.</p>'
    items = "".join(f"<li>{html.escape(str(finding))}</li>" for finding in found[:20])
    return f'<p class="ds-bad">{len(found)} damaged parts:</p><ul class="ds-warnings">{items}</ul>'


def _required(key: str | None) -> str:
    if not key:
        raise InputError("choose a rollout first")
    return key


def _words(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) if isinstance(values, dict) else ""
