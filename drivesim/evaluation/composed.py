"""Composed frames by the hundred, as the engine makes them one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.engine import Engine, EngineSettings
from drivesim.evaluation.footage import OnProgress, conditions_part
from drivesim.models.conditioning import Conditioning


@dataclass(frozen=True)
class Sampling:
    """How frames are composed: settings of the engine, first seed, at low or at full resolution."""

    settings: EngineSettings
    first_seed: int = 0
    enlarge: bool = True
    batch_size: int = 8

    def describe(self, told: tuple[str, ...]) -> str:
        """For the protocol."""
        image, size = self.settings.image, "full" if self.enlarge else "low"
        parts = [f"told {'+'.join(told) or 'nothing'}", f"{image.sampler} {image.steps} steps"]
        parts += [f"guidance {self.settings.image_guidance:g}", f"{size} resolution"]
        if self.enlarge:
            parts.append(f"upsampler {self.settings.upsampler.sampling.steps} steps")
        return ", ".join(parts)

    def seeds(self, count: int) -> str:
        """For the protocol."""
        return f"{self.first_seed}..{self.first_seed + count - 1}"


def composed_frames(
    engine: Engine, conditions: Conditioning, count: int, sampling: Sampling, on_progress: OnProgress
) -> np.ndarray:
    """Frames uint8 `n h w 3`, one of each of `count` conditions; frame i has seed `first_seed` + i."""
    parts = []
    for start in range(0, count, sampling.batch_size):
        stop = min(start + sampling.batch_size, count)
        seeds = range(sampling.first_seed + start, sampling.first_seed + stop)
        part = conditions_part(conditions, slice(start, stop))
        parts.append(engine.compose_many(part, seeds, sampling.settings, sampling.enlarge))
        on_progress("composing frames", stop, count)
    return np.concatenate(parts)
