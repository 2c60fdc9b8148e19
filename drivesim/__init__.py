"""drivesim: scenario files become driving video."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The release that last changed which bytes a rollout of given inputs consists of. It is part of an archive's identity;
# `__version__` is not, so a release that leaves it alone continues the archives of the one before (docs/versions.md).
COMPUTATION_VERSION = "0.1.0"

__all__ = ["COMPUTATION_VERSION", "Engine", "__version__", "archive_store", "load_scenario", "open_archive"]

# Loaded on first use, so that `import drivesim` costs nothing and pulls in no torch.
_PUBLIC = {
    "Engine": "drivesim.engine",
    "archive_store": "drivesim.archive",
    "load_scenario": "drivesim.scenario",
    "open_archive": "drivesim.archive",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'drivesim' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
