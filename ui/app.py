"""The page, which has five tabs around one scenario, and the application that serves it."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI

from ui.document_view import DocumentView, drawing_json, editor_json, source_html, takeaway_json
from ui.merging import control_values
from ui.parts import QUIET, head
from ui.routes import media_routes
from ui.security.accounts import Accounts
from ui.security.gateway import Gateway
from ui.services import Services
from ui.tabs.archives import ArchivesTab
from ui.tabs.compose import ComposeTab
from ui.tabs.futures import FuturesTab
from ui.tabs.scenario import ScenarioTab
from ui.tabs.study import StudyTab
from ui.theme import theme

TITLE = "drivesim"
MAX_SESSIONS = 512
"""Sessions whose state Gradio keeps in memory. A page keeps its own state, so that none is lost with a session."""
_KEYS = (
    ("drag", "draw a box; drag a box or a handle to change it"),
    ("1 2 3 4", "car, van, truck or bus: for the selected box, else for the next one"),
    ("arrows", "move the selected box by 1 pixel, with Shift by 10"),
    ("D", "duplicate"),
    ("Delete", "delete"),
    ("N, Esc", "select the next box, select none"),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo, redo"),
    ("B, G, V, P", "show boxes, guide or unrequested detections; back to the empty road"),
    ("Ctrl+Enter", "compose"),
    ("Space", "play or pause futures"),
    ("left, right", "one frame back or forward, with Shift ten"),
    ("Home, End", "first or last frame"),
)


def application(services: Services, loopback_only: bool, accounts: dict[str, str] | None) -> Any:
    """Returns the whole ASGI application: the gateway, the media routes and Gradio."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(media_routes(services))
    gr.mount_gradio_app(
        app, page(services), path="/", footer_links=[], run_history=False, show_error=False, max_file_size=1,
        ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False, allowed_paths=[], theme=theme(),
        head=head(),
    )  # fmt: skip
    return Gateway(app, loopback_only, None if accounts is None else Accounts(accounts))


def page(services: Services) -> gr.Blocks:
    """Returns the page: its tabs and the events that connect them."""
    start = services.desk.blank()
    shown = control_values(start.required())
    with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False) as blocks:
        gr.HTML(_header(), apply_default_css=False)
        with gr.Tabs(selected="compose") as tabs:
            with gr.Tab("Compose", id="compose", render_children=True):
                compose = ComposeTab.build(services, drawing_json(start, services), shown)
            with gr.Tab("Futures", id="futures", render_children=True):
                futures = FuturesTab.build(shown, source_html(start))
            with gr.Tab("Scenario", id="scenario", render_children=True):
                scenario = ScenarioTab.build(editor_json(start), takeaway_json(start, "fast", services))
            with gr.Tab("Archives", id="archives", render_children=True) as archives_tab:
                archives = ArchivesTab.build()
            with gr.Tab("Study", id="study", render_children=True) as study_tab:
                study = StudyTab.build()
        controls = (
            compose.name, compose.time_of_day, compose.crowdedness, compose.guidance, compose.seed, futures.duration,
            futures.futures,
        )  # fmt: skip
        view = DocumentView(
            services, scenario.editor, compose.scene, futures.preset, controls, compose.warnings, futures.source,
            scenario.takeaway, compose.variants,
        )  # fmt: skip
        compose.wire(view, services)
        futures.wire(view, services)
        futures.wire_branch(view, services, tabs)
        scenario.wire(view, services)
        archives.wire(view, services, tabs)
        study.wire(services)

        def opened() -> tuple[Any, ...]:
            services.opened.set()
            return futures.attached(services)

        attached = [futures.job, futures.progress, futures.player, futures.cancel, futures.timer]
        blocks.load(opened, None, attached, **QUIET)
        archives_tab.select(lambda key: archives.listing(services, key), [archives.archive], archives.listed, **QUIET)
        study_tab.select(lambda key: study.listing(services, key), [study.study], study.listed, **QUIET)
    blocks.queue(api_open=False)
    blocks.state_session_capacity = MAX_SESSIONS
    return blocks


def _header() -> str:
    keys = "".join(f"<dt>{key}</dt><dd>{text}</dd>" for key, text in _KEYS)
    return (
        f'<div class="ds-head"><h1>{TITLE}</h1><span>Draw a scene, compose it, watch its futures.</span>'
        f'<details id="shortcuts"><summary>Keyboard</summary><div class="ds-keys"><dl>{keys}</dl></div></details></div>'
    )
