"""Finds what ships beside the code: the trained default models and the library of scenarios.

A wheel carries both inside the package (`drivesim/_assets/`); in a source checkout they stand at the top.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def default_checkpoints() -> Path:
    """Returns the folder of the trained default models. It need not exist; loading it says what is missing."""
    return _asset("checkpoints") / "demo"


def scenario_library() -> Path:
    """Returns the folder of the scenarios that ship."""
    return _asset("scenarios")


def _asset(name: str) -> Path:
    packaged = _PACKAGE / "_assets" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name
