"""Composes first frames with models that are loaded once, and reports what the vehicle detector finds in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.scenario import Scenario
from ui.media import Media

MAX_VARIANTS = 8
_SEED_LIMIT = 2**63


@dataclass(frozen=True)
class Variant:
    """One composed first frame: its seed, its address for the browser, and the detector's findings."""

    seed: int
    url: str
    findings: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Returns the variant as plain data for the browser."""
        return {"seed": self.seed, "url": self.url, "findings": self.findings}


class Composer:
    """The models that all requests of a server share; they compose one frame at a time."""

    def __init__(self, checkpoints: Path, device: str, media: Media) -> None:
        self._checkpoints, self._device, self._media = checkpoints, device, media
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Loads the models.

        Raises:
            CheckpointError: The models are missing or damaged.
        """
        with self._lock:
            self._engine.load_for_composing()

    def compose(self, scenario: Scenario, count: int) -> Iterator[Variant]:
        """Yields first frames of a scenario for its seed and the seeds that follow, each as soon as it is composed."""
        from drivesim.engine import frame_findings

        for number in range(min(max(count, 1), MAX_VARIANTS)):
            seed = (scenario.seed + number) % _SEED_LIMIT
            with self._lock:
                frame = self._engine.compose(scenario, seed)
                layout = self._engine.first_layout(scenario, seed)
                findings = frame_findings(self._engine, frame, layout)
            yield Variant(seed, self._media.add(frame), findings)

    def findings(self, frame: np.ndarray, scenario: Scenario, time_s: float) -> dict[str, Any] | None:
        """Returns the requested and the detected vehicles in a frame (uint8 `h w 3`); see `frame_findings`."""
        from drivesim.engine import frame_findings

        with self._lock:
            return frame_findings(self._engine, frame, scenario.layout_at(time_s))

    @cached_property
    def _engine(self) -> Any:
        from drivesim.engine import Engine
        from drivesim.rollout import chosen_device

        return Engine.load(self._checkpoints, chosen_device(self._device))
