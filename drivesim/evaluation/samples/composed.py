"""Composes or reconstructs many frames, each as the engine makes it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.engine import Engine, EngineSettings, guided_settings, sampled_students
from drivesim.engine.conditions import conditioned_layouts
from drivesim.engine.first_frame.gate import gated
from drivesim.engine.making import Making, made
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress, conditions_part
from drivesim.models.checkpoints import STAGES, VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.conditioning import Conditioning
from drivesim.models.vehicle_detector import detect_vehicles


@dataclass(frozen=True)
class FrameSampling:
    """How frames are composed.

    Attributes:
        settings: Settings of the engine.
        first_seed: Seed of the first frame; the others follow.
        enlarge: Whether frames go through the upsampler.
        batch_size: Number of frames composed at a time.
    """

    settings: EngineSettings
    first_seed: int = 0
    enlarge: bool = True
    batch_size: int = 8

    def protocol(self, conditions: tuple[str, ...]) -> str:
        """Returns what must be the same for figures to compare, for the names of the conditions."""
        resolution = "full" if self.enlarge else "low"
        return f"conditioned on {'+'.join(conditions) or 'nothing'}, {resolution} resolution"

    def subject(self, checkpoints: CheckpointSet) -> str:
        """Returns what is under test besides the checkpoints."""
        student = sampled_students(self.settings, checkpoints).get("image")
        if student is not None:
            parts = [f"{student} {STAGES[student].num_steps} steps"]
        else:
            settings = guided_settings(self.settings, checkpoints)
            image, auto = settings.image, settings.autoguidance
            guidance = f"guidance {settings.image_guidance:g} rescaled {settings.guidance_rescale:g}"
            if auto is not None:
                guidance += f", autoguidance {auto.scale:g} from {auto.first_tau} to {auto.last_tau}"
            parts = [f"{image.sampler} {image.steps} steps", guidance]
        if self.enlarge:
            parts.append(f"upsampler {self.settings.upsampler.sampling.steps} steps")
        return ", ".join(parts)

    def seeds(self, count: int) -> str:
        """Returns the seeds of `count` frames, for the protocol."""
        return f"{self.first_seed}..{self.first_seed + count - 1}"


def composed_frames(
    engine: Engine,
    conditions: Conditioning,
    count: int,
    sampling: FrameSampling,
    on_progress: OnProgress,
    attempts: np.ndarray | None = None,
) -> np.ndarray:
    """Composes frames, one under each of `count` conditions; frame i has seed `first_seed` + i.

    Args:
        engine: The engine.
        conditions: One condition per frame.
        count: Number of frames, `n`.
        sampling: How frames are composed.
        on_progress: Is called with the progress of the work.
        attempts: The attempt to make of each frame, `n`, as the gate counts them; None for the first ones.

    Returns:
        Frames uint8 `n h w 3`.
    """
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


def reconstructed_frames(
    engine: Engine, frames: np.ndarray, sampling: FrameSampling, on_progress: OnProgress
) -> np.ndarray:
    """Encodes frames uint8 `n h w 3`, decodes them and enlarges them as composed ones are, with the same seeds."""
    parts = []
    for start in range(0, len(frames), sampling.batch_size):
        stop = min(start + sampling.batch_size, len(frames))
        seeds = range(sampling.first_seed + start, sampling.first_seed + stop)
        parts.append(engine.pass_many(frames[start:stop], seeds, sampling.settings, sampling.enlarge))
        on_progress("reconstructing frames", stop, len(frames))
    return np.concatenate(parts)


def gate_choices(
    engine: Engine, conditions: Conditioning, sampling: FrameSampling, max_attempts: int, on_progress: OnProgress
) -> np.ndarray:
    """Returns the attempt `n` that the engine's adherence gate keeps for each sample."""
    choices = []
    for number, layout in enumerate(layouts := conditioned_layouts(conditions)):
        one = conditions_part(conditions, slice(number, number + 1))
        seed = sampling.first_seed + number

        def attempt(number: int, one: Conditioning = one, seed: int = seed) -> Making[np.ndarray]:
            yield from ()
            return engine.compose_many(one, [seed], sampling.settings, False, [number])

        def detect(frames: np.ndarray) -> Detections:
            return detect_vehicles(engine.networks.vehicle_detector, frames)[0]

        chosen = made(gated(layout, attempt, detect, max_attempts))
        choices.append(chosen.kept)
        on_progress("choosing by the gate", number + 1, len(layouts))
    return np.array(choices)


def detector_protocol(
    engine: Engine,
    footage: MeasuredFootage,
    frames: np.ndarray,
    sampling: FrameSampling,
    conditions: tuple[str, ...],
    seed: int,
) -> Protocol:
    """Returns the protocol of figures that the vehicle detector measures on composed frames, without the measure.

    Args:
        engine: The engine.
        footage: The footage whose conditions the frames follow.
        frames: Composed frames `n h w 3`.
        sampling: How they were composed.
        conditions: The names of the conditions.
        seed: Seed of the choice of the footage.
    """
    config = engine.networks.vehicle_detector.config
    return Protocol(
        measure="",
        network="vehicle detector",
        network_sha256=engine.checkpoints.sha256[VEHICLE_DETECTOR],
        num_samples=len(footage),
        num_frames=1,
        fps=None,
        height=frames.shape[1],
        width=frames.shape[2],
        resize=f"area or bicubic to {config.height}x{config.width}",
        seeds=f"samples {sampling.seeds(len(footage))}, reference {seed}",
        reference=footage.identity,
        settings=sampling.protocol(conditions),
    )
