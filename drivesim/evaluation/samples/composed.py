"""Composed frames by the hundred, as the engine makes them one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.engine import Engine, EngineSettings
from drivesim.engine.conditions import told_layouts
from drivesim.engine.first_frame.gate import gated
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress, conditions_part
from drivesim.models.checkpoints import READER
from drivesim.models.conditioning import Conditioning
from drivesim.models.vehicle_detector import read_vehicles


@dataclass(frozen=True)
class Sampling:
    """How frames are composed: settings of the engine, first seed, at low or at full resolution."""

    settings: EngineSettings
    first_seed: int = 0
    enlarge: bool = True
    batch_size: int = 8

    def protocol(self, told: tuple[str, ...]) -> str:
        """What must be the same for figures to compare."""
        return f"told {'+'.join(told) or 'nothing'}, {'full' if self.enlarge else 'low'} resolution"

    def subject(self) -> str:
        """What is under test besides the checkpoints."""
        image = self.settings.image
        guidance = f"guidance {self.settings.image_guidance:g} rescaled {self.settings.guidance_rescale:g}"
        parts = [f"{image.sampler} {image.steps} steps", guidance]
        if self.enlarge:
            parts.append(f"upsampler {self.settings.upsampler.sampling.steps} steps")
        return ", ".join(parts)

    def seeds(self, count: int) -> str:
        """For the protocol."""
        return f"{self.first_seed}..{self.first_seed + count - 1}"


def composed_frames(
    engine: Engine,
    conditions: Conditioning,
    count: int,
    sampling: Sampling,
    on_progress: OnProgress,
    attempts: np.ndarray | None = None,
) -> np.ndarray:
    """Frames uint8 `n h w 3`, one of each of `count` conditions; frame i has seed `first_seed` + i."""
    attempts = np.zeros(count, int) if attempts is None else attempts
    parts = []
    for start in range(0, count, sampling.batch_size):
        stop = min(start + sampling.batch_size, count)
        seeds = range(sampling.first_seed + start, sampling.first_seed + stop)
        part = conditions_part(conditions, slice(start, stop))
        tries = attempts[start:stop].tolist()
        parts.append(engine.compose_many(part, seeds, sampling.settings, sampling.enlarge, tries))
        on_progress("composing frames", stop, count)
    return np.concatenate(parts)


def passed_frames(engine: Engine, frames: np.ndarray, sampling: Sampling, on_progress: OnProgress) -> np.ndarray:
    """Frames uint8 `n h w 3` encoded, decoded and enlarged as composed ones are, with the same seeds."""
    parts = []
    for start in range(0, len(frames), sampling.batch_size):
        stop = min(start + sampling.batch_size, len(frames))
        seeds = range(sampling.first_seed + start, sampling.first_seed + stop)
        parts.append(engine.pass_many(frames[start:stop], seeds, sampling.settings, sampling.enlarge))
        on_progress("passing frames through the autoencoder", stop, len(frames))
    return np.concatenate(parts)


def gate_choices(
    engine: Engine, conditions: Conditioning, sampling: Sampling, max_attempts: int, on_progress: OnProgress
) -> np.ndarray:
    """The attempt `n` that the engine's adherence gate keeps for each sample."""
    choices = []
    for number, layout in enumerate(layouts := told_layouts(conditions)):
        one = conditions_part(conditions, slice(number, number + 1))
        seed = sampling.first_seed + number
        chosen = gated(
            layout,
            lambda n, one=one, seed=seed: engine.compose_many(one, [seed], sampling.settings, False, [n]),
            lambda frames: read_vehicles(engine.networks.reader, frames)[0],
            max_attempts,
        )
        choices.append(chosen.kept)
        on_progress("choosing by the gate", number + 1, len(layouts))
    return np.array(choices)


def reading_protocol(
    engine: Engine, footage: MeasuredFootage, frames: np.ndarray, sampling: Sampling, told: tuple[str, ...], seed: int
) -> Protocol:
    """The protocol of figures that the vehicle detector takes from composed frames `n h w 3`; `measure` stays empty.

    seed: of the choice of the reference footage.
    """
    config = engine.networks.reader.config
    return Protocol(
        measure="",
        network="vehicle detector",
        network_sha256=engine.checkpoints.sha256[READER],
        num_samples=len(footage),
        num_frames=1,
        fps=None,
        height=frames.shape[1],
        width=frames.shape[2],
        resize=f"area or bicubic to {config.height}x{config.width}",
        seeds=f"samples {sampling.seeds(len(footage))}, reference {seed}",
        reference=footage.identity,
        settings=sampling.protocol(told),
    )
