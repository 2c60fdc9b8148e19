"""The Scenario tab: the YAML of what is on screen, live, and how to take it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.document_view import DocumentView
from ui.merging import PageState
from ui.parts import mounted
from ui.services import Services


@dataclass(frozen=True)
class ScenarioTab:
    """The components of the tab."""

    editor: gr.HTML
    takeaway: gr.HTML

    @classmethod
    def build(cls, value: str, takeaway: str) -> ScenarioTab:
        """Lays the tab out."""
        editor = mounted("editor", ("typed",), value, elem_id="editor")
        return cls(editor, mounted("takeaway", (), takeaway, elem_id="takeaway"))

    def wire(self, view: DocumentView, services: Services) -> None:
        """What is typed is checked, and shown everywhere where it is right."""

        def typed(*page: Any) -> dict[Any, Any]:
            state = PageState.of(*page)
            return view.replaced(services.desk.read(state.text), state)

        self.editor.typed(
            typed, view.inputs, view.outputs, queue=False, show_progress="hidden", trigger_mode="multiple",
            api_visibility="private",
        )  # fmt: skip
