"""Fixes the environment of Gradio before its import, so that no external setting can expose the page further."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

_LOG = logging.getLogger("uvicorn.error")
_STUB_WRITER = "gradio.component_meta"


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
    if _STUB_WRITER not in sys.modules:
        sys.meta_path.insert(0, _WithoutStubs())
    return folder


def report_briefly() -> None:
    """Makes Gradio report a failed call in one line; its own reports repeat what was sent, which can be megabytes."""
    import gradio.routes

    vars(gradio.routes)["traceback"] = SimpleNamespace(print_exc=_report)


def _report() -> None:
    kind, error, trace = sys.exc_info()
    if kind is not None:
        place = traceback.extract_tb(trace)[-1]
        _LOG.error("a call failed: %s: %.200s (%s:%s)", kind.__name__, error, place.filename, place.lineno)


class _WithoutStubs(MetaPathFinder):
    """Imports Gradio without writing type stubs.

    On every import, Gradio parses the source of all its components and writes stubs for editors into the installed
    package. This takes 1.2 s of the 2.9 s of the import, and two servers that start together write the same files.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _STUB_WRITER:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_patch(module: ModuleType) -> None:
            run(module)
            module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]

        spec.loader.exec_module = run_and_patch  # type: ignore[method-assign]
        return spec
