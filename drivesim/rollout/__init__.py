"""One job: the futures of a scenario, made by worker processes into an archive with previews."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "STAGE_SHARES",
    "BackgroundRollout",
    "Committed",
    "Opened",
    "PreviewWritten",
    "Progress",
    "RolloutJob",
    "chosen_device",
    "default_workers",
    "run_rollout",
]

# Loaded on first use: every worker process imports this package, and needs little of it.
_HOMES = {
    "BackgroundRollout": "drivesim.rollout.background",
    "RolloutJob": "drivesim.rollout.job",
    "chosen_device": "drivesim.rollout.machine",
    "default_workers": "drivesim.rollout.machine",
    "STAGE_SHARES": "drivesim.engine.future.windows",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'drivesim.rollout' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "drivesim.rollout.running")), name)
