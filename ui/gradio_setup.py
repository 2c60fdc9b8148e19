"""Gradio's surroundings, fixed before it is imported: no setting from outside can open the page further."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def fix_environment() -> Path:
    """Removes every `GRADIO_*` variable and turns off what Gradio sends out; returns its empty temporary folder.

    To be called before `gradio` is imported for the first time, as it reads some variables then.
    """
    for name in [name for name in os.environ if name.upper().startswith("GRADIO_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="drivesim-ui-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    return folder
