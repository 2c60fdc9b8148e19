"""Fixes the environment of Gradio before its import, so that no external setting can expose the page further."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def fix_environment() -> Path:
    """Removes every `GRADIO_*` variable and turns off telemetry; returns Gradio's empty temporary folder.

    This function must be called before the first import of `gradio`, which reads some variables on import.
    """
    for name in [name for name in os.environ if name.upper().startswith("GRADIO_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="drivesim-ui-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    return folder
