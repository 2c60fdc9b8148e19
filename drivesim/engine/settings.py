"""How a rollout is sampled: solver, steps and guidance of each stage, `fast` or `quality`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from drivesim.errors import InputError
from drivesim.models.precision import FLOAT32, PRECISIONS
from drivesim.scenario import Sampling

SAMPLERS = ("ddim", "dpm_solver_2m")


@dataclass(frozen=True)
class SamplerSettings:
    """A solver and its number of steps, each one call of the network (or more, with guidance)."""

    steps: int
    sampler: str = "dpm_solver_2m"

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise InputError(f"unknown sampler {self.sampler!r}: use {' or '.join(SAMPLERS)}")


@dataclass(frozen=True)
class UpsamplerSettings:
    """How the upsampler is sampled and applied.

    low_res_tau: diffusion time to which the low-resolution frames are noised (Video LDM, Sec. 3.4).
    noise_correlation: between the noise of any two frames; at 1 all frames of a future share one field, which
        flickers least.
    block_frames, block_context: frames made at a time, and frames on each side that they see beside them.
    tile: side of a tile in low-resolution pixels, None for whole frames; it changes the memory, not the result.
    """

    sampling: SamplerSettings
    low_res_tau: int = 30
    noise_correlation: float = 1.0
    block_frames: int = 8
    block_context: int = 1
    tile: int | None = None


@dataclass(frozen=True)
class EngineSettings:
    """Everything about sampling that is no scenario and no network.

    image_guidance: weight of boxes, time of day and crowdedness in the first frame (classifier-free guidance).
    scene_guidance: weight of time of day and crowdedness in the prediction.
    context_guidance: weight of the context frames in the prediction (Video LDM, Eq. 4). A weight of 1 costs nothing.
    guidance_rescale: how far the contrast that guidance adds is taken back, 0 to 1 (Lin et al., 2024).
    interpolation_passes: 1 for T→4T, 2 for 4T→16T as well.
    decoder_frames: frames that are decoded at a time.
    draw_layouts: whether the boxes of a first frame with a crowdedness, but no boxes, come from the checkpoints'
        layout prior, where they hold one; else the image model places its vehicles.
    gate_attempts: first frames that are made at most until one obeys the scenario's boxes; 1 is no gate.
    precision: what networks compute in, `float32` or `bfloat16`; samplers, guidance, noise and what is committed are
        float32 always.
    frames_precision: that of the stages from keyframes to frames, where it is another one.
    """

    image: SamplerSettings
    prediction: SamplerSettings
    interpolation: SamplerSettings
    upsampler: UpsamplerSettings
    image_guidance: float = 6.0
    scene_guidance: float = 1.0
    context_guidance: float = 2.0
    guidance_rescale: float = 0.7
    interpolation_passes: int = 1
    decoder_frames: int = 24
    draw_layouts: bool = True
    gate_attempts: int = 1
    precision: str = FLOAT32
    frames_precision: str | None = None

    def __post_init__(self) -> None:
        if self.gate_attempts < 1:
            raise InputError(f"the gate needs at least one attempt, got {self.gate_attempts}")
        for precision in (self.precision, self.rendering_precision):
            if precision not in PRECISIONS:
                raise InputError(f"unknown precision {precision!r}: use {' or '.join(PRECISIONS)}")

    @property
    def rendering_precision(self) -> str:
        """The precision of the stages from keyframes to frames."""
        return self.precision if self.frames_precision is None else self.frames_precision

    def canonical(self) -> dict[str, Any]:
        """These settings as plain values for the identity of an archive.

        A precision appears only where it is not float32, so that archives from before there was a choice keep theirs.
        """
        values = asdict(self)
        if self.frames_precision in (None, self.precision):
            del values["frames_precision"]
        if self.precision == FLOAT32:
            del values["precision"]
        return values

    def with_sampling(self, sampling: Sampling) -> EngineSettings:
        """These settings where the scenario says nothing, the scenario's where it does."""
        changes = {}
        for stage in ("image", "prediction", "interpolation"):
            current = getattr(self, stage)
            steps = sampling.steps if stage != "interpolation" else None
            changes[stage] = SamplerSettings(steps or current.steps, sampling.sampler or current.sampler)
        if sampling.guidance is not None:
            changes["image_guidance"] = sampling.guidance
        if sampling.context_guidance is not None:
            changes["context_guidance"] = sampling.context_guidance
        return replace(self, **changes)


def fast() -> EngineSettings:
    """Keyframe rate times 4 (10 frames per second), few steps: for two CPU cores."""
    return EngineSettings(
        image=SamplerSettings(steps=24),
        prediction=SamplerSettings(steps=16),
        interpolation=SamplerSettings(steps=6),
        upsampler=UpsamplerSettings(SamplerSettings(steps=2, sampler="ddim")),
    )


def quality() -> EngineSettings:
    """Keyframe rate times 16 (40 frames per second), more steps."""
    return EngineSettings(
        image=SamplerSettings(steps=50),
        prediction=SamplerSettings(steps=32),
        interpolation=SamplerSettings(steps=10),
        upsampler=UpsamplerSettings(SamplerSettings(steps=4, sampler="ddim"), block_frames=6, block_context=2),
        interpolation_passes=2,
    )


def settings_named(name: str) -> EngineSettings:
    """`fast` or `quality`; InputError for another name."""
    presets = {"fast": fast, "quality": quality}
    if name not in presets:
        raise InputError(f"unknown preset {name!r}: use {' or '.join(presets)}")
    return presets[name]()
