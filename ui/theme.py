"""The appearance of the page: Gradio's base theme with one accent colour and system fonts."""

from __future__ import annotations

import gradio as gr

_SANS = ["system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"]
_MONO = ["ui-monospace", "DejaVu Sans Mono", "monospace"]


def theme() -> gr.themes.Base:
    """Returns the theme, whose colours are those of `web/style.css` in light and dark mode."""
    base = gr.themes.Base(
        primary_hue="blue", neutral_hue="slate", font=_SANS, font_mono=_MONO, text_size="sm", spacing_size="sm",
        radius_size="sm",
    )  # fmt: skip
    return base.set(
        body_background_fill="#f6f7f8",
        body_background_fill_dark="#14181d",
        body_text_color="#1b222b",
        body_text_color_dark="#e8ecf1",
        body_text_color_subdued="#56616e",
        body_text_color_subdued_dark="#a3aebb",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_color="#56616e",
        block_title_text_color_dark="#a3aebb",
        block_title_text_weight="500",
        panel_background_fill="transparent",
        panel_background_fill_dark="transparent",
        panel_border_width="0px",
        border_color_primary="#d5dae0",
        border_color_primary_dark="#343c47",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1b2027",
        input_placeholder_color="#56616e",
        input_placeholder_color_dark="#a3aebb",
        input_border_width="1px",
        input_border_color="#c3cad2",
        input_border_color_dark="#454f5c",
        button_primary_background_fill="#0b5cad",
        button_primary_background_fill_hover="#094d91",
        button_primary_background_fill_dark="#6cb2f7",
        button_primary_background_fill_hover_dark="#8cc3f9",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#0b1420",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#1b2027",
        button_secondary_border_color="#d5dae0",
        button_secondary_border_color_dark="#343c47",
        button_secondary_text_color="#1b222b",
        button_secondary_text_color_dark="#e8ecf1",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="#d5dae0",
        checkbox_label_border_color_dark="#343c47",
        button_large_text_weight="600",
        color_accent="#0b5cad",
        slider_color="#0b5cad",
        slider_color_dark="#6cb2f7",
        layout_gap="10px",
        form_gap_width="0px",
    )
