"""The Scenario tab: the live YAML of the scenario on screen, and how to download it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.document_view import DocumentView
from ui.merging import PageState
from ui.parts import QUIET, mounted
from ui.services import Services


@dataclass(frozen=True)
class ScenarioTab:
    """The components of the tab."""

    editor: gr.HTML
    takeaway: gr.HTML

    @classmethod
    def build(cls, value: str, takeaway: str) -> ScenarioTab:
        """Creates the components of the tab."""
        editor = mounted("editor", ("typed",), value, elem_id="editor")
        return cls(editor, mounted("takeaway", (), takeaway, elem_id="takeaway"))

    def wire(self, view: DocumentView, services: Services) -> None:
        """Connects the events: typed YAML is checked, and a valid scenario is shown on the whole page."""

        def typed(*page: Any) -> dict[Any, Any]:
            state = PageState.of(*page)
            return view.replaced(services.desk.read(state.text), state)

        self.editor.typed(typed, view.inputs, view.outputs, **QUIET, trigger_mode="multiple")
