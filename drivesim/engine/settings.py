"""How a rollout is sampled: solver, steps and guidance of each stage, `fast` or `quality`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from drivesim.errors import InputError
from drivesim.models.guidance import GUIDANCE, GuidanceWeights
from drivesim.models.precision import FLOAT32, PRECISIONS
from drivesim.models.stages import GUIDE
from drivesim.scenario import Sampling

SAMPLERS = ("ddim", "dpm_solver_2m")
_DECIDE = {
    "image": ("sampler", "steps", "guidance"),
    "prediction": ("sampler", "steps", "context_guidance"),
    "interpolation": ("sampler",),
}
"""The fields of a scenario's `sampling` that decide how a stage is sampled."""


@dataclass(frozen=True)
class SamplerSettings:
    """A solver and its number of steps. Each step calls the network once, or more often with guidance.

    Raises:
        InputError: there is no such solver.
    """

    steps: int
    sampler: str = "dpm_solver_2m"

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise InputError(f"unknown sampler {self.sampler!r}: use {' or '.join(SAMPLERS)}")


@dataclass(frozen=True)
class UpsamplerSettings:
    """How the upsampler is sampled and applied.

    Attributes:
        sampling: solver and number of steps.
        low_res_tau: diffusion time of the noise that is added to the low-resolution frames (Video LDM, Sec. 3.4).
        noise_correlation: correlation of the noise of any two frames. At 1 all frames of a future share one noise
            field, which flickers least.
        block_frames: number of frames that are made at a time.
        block_context: number of further frames on each side that the network sees beside a block.
    """

    sampling: SamplerSettings
    low_res_tau: int = 30
    noise_correlation: float = 1.0
    block_frames: int = 8
    block_context: int = 1


@dataclass(frozen=True)
class Autoguidance:
    """How the first frame is guided by the stage `guide`, if the checkpoints hold one (`EngineSettings.for_stages`).

    Attributes:
        scale: guidance weight of the guide.
        image_guidance: guidance weight of the conditions, in the place of `EngineSettings.image_guidance`.
        first_tau: lowest diffusion time at which the guide is used; below it, guidance makes no difference.
        last_tau: highest diffusion time at which the guide is used; above it, guidance makes samples alike
            (Kynkäänniemi et al., 2024, for both).
    """

    scale: float = 2.5
    image_guidance: float = 4.0
    first_tau: int = 300
    last_tau: int = 900


@dataclass(frozen=True)
class EngineSettings:
    """How frames are sampled, apart from what the scenario and the networks decide.

    Attributes:
        image: sampler of the first keyframe.
        prediction: sampler of the keyframes that follow.
        interpolation: sampler of the frames between keyframes.
        upsampler: sampler of the enlarged frames, and how it is applied.
        students: stages whose student is sampled instead where the checkpoints hold one. A student has its own number
            of steps, and imitates a guided model (`heeded_settings` leaves those that are held).
        student_guidance: guidance weight of the conditions in the first frame if the student of `image` makes it. The
            students of other stages are not guided.
        image_guidance: guidance weight of boxes, time of day and crowdedness in the first frame (classifier-free
            guidance). A guidance weight of 1 costs nothing.
        autoguidance: how the first frame is guided by a smaller model as well; None for no such guidance.
        scene_guidance: guidance weight of boxes, time of day and crowdedness in the prediction.
        context_guidance: guidance weight of the context frames in the prediction (Video LDM, Eq. 4).
        context_noise: standard deviation of the noise on what the prediction sees of its context frames, in units of
            the latents. It has no effect on a network that is not conditioned on this level (`heeded_settings`).
        guidance_rescale: fraction of the added contrast of guidance that is removed again, 0 to 1 (Lin et al., 2024).
        interpolation_passes: 1 for T→4T, 2 for 4T→16T as well.
        decoder_frames: number of frames that are decoded at a time.
        draw_layouts: whether a first frame with a crowdedness but without boxes gets boxes from the layout prior of
            the checkpoints, if they hold one. Otherwise the image model decides where its vehicles are.
        gate_attempts: maximum number of attempts at a first frame that obeys the scenario's boxes; 1 means no gate.
        precision: number format of the networks, `float32` or `bfloat16`. Samplers, guidance, noise and committed
            data are always float32.
        frames_precision: number format of the stages from keyframes to frames, if it is another one.

    Raises:
        InputError: there are no attempts at the first frame, or there is no such precision.
    """

    image: SamplerSettings
    prediction: SamplerSettings
    interpolation: SamplerSettings
    upsampler: UpsamplerSettings
    students: tuple[str, ...] = ()
    student_guidance: float = GUIDANCE["image_few_steps"].scene
    image_guidance: float = GUIDANCE["image"].scene
    scene_guidance: float = GUIDANCE["prediction"].scene
    context_guidance: float = GUIDANCE["prediction"].context
    context_noise: float = 0.0
    autoguidance: Autoguidance | None = None
    guidance_rescale: float = GuidanceWeights.rescale
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
        """Returns these settings as plain values for the identity of an archive.

        A precision is included only if it is not float32, noise on context frames and autoguidance only if there are
        some, students only if some are sampled, and guidance of a student only if it has an effect, so that archives
        from before there was a choice keep their identity.
        """
        values = asdict(self)
        values["students"] = list(self.students)
        if not self.students:
            del values["students"]
        if "image" not in self.students or self.student_guidance == 1:
            del values["student_guidance"]
        if self.frames_precision in (None, self.precision):
            del values["frames_precision"]
        if self.precision == FLOAT32:
            del values["precision"]
        if not self.context_noise:
            del values["context_noise"]
        if self.autoguidance is None:
            del values["autoguidance"]
        values["upsampler"]["tile"] = None  # earlier versions could upsample in tiles, and always recorded this key
        return values

    def for_stages(self, roles: Collection[str]) -> EngineSettings:
        """Returns these settings for checkpoints of these stages: with the guidance weights that are used with them."""
        if self.autoguidance is None or GUIDE not in roles:
            return replace(self, autoguidance=None)
        return replace(self, image_guidance=self.autoguidance.image_guidance)

    def with_sampling(self, sampling: Sampling) -> EngineSettings:
        """Returns these settings with those that the scenario gives in their place.

        A stage whose sampling the scenario decides is sampled itself, and not its student.
        """
        decided = {
            role for role, fields in _DECIDE.items() if any(getattr(sampling, name) is not None for name in fields)
        }
        changes: dict[str, Any] = {"students": tuple(role for role in self.students if role not in decided)}
        for stage in ("image", "prediction", "interpolation"):
            current = getattr(self, stage)
            steps = sampling.steps if stage != "interpolation" else None
            changes[stage] = SamplerSettings(steps or current.steps, sampling.sampler or current.sampler)
        if sampling.guidance is not None:
            changes["image_guidance"] = sampling.guidance
            if self.autoguidance is not None:
                changes["autoguidance"] = replace(self.autoguidance, image_guidance=sampling.guidance)
        if sampling.context_guidance is not None:
            changes["context_guidance"] = sampling.context_guidance
        return replace(self, **changes)


def fast() -> EngineSettings:
    """Four frames per keyframe (10 frames per second), students and few steps; made for two CPU cores."""
    return EngineSettings(
        image=SamplerSettings(steps=24),
        prediction=SamplerSettings(steps=16),
        interpolation=SamplerSettings(steps=6),
        students=("image", "prediction", "interpolation"),
        upsampler=UpsamplerSettings(SamplerSettings(steps=1, sampler="ddim"), block_frames=12),
        context_noise=0.05,
        autoguidance=Autoguidance(),
    )


def quality() -> EngineSettings:
    """Sixteen frames per keyframe (40 frames per second) and more steps."""
    return EngineSettings(
        image=SamplerSettings(steps=50),
        prediction=SamplerSettings(steps=32),
        interpolation=SamplerSettings(steps=10),
        upsampler=UpsamplerSettings(SamplerSettings(steps=4, sampler="ddim"), block_frames=6, block_context=2),
        context_noise=0.05,
        autoguidance=Autoguidance(),
        interpolation_passes=2,
    )


def settings_named(name: str) -> EngineSettings:
    """Returns the settings of the preset `fast` or `quality`; raises InputError for another name."""
    presets = {"fast": fast, "quality": quality}
    if name not in presets:
        raise InputError(f"unknown preset {name!r}: use {' or '.join(presets)}")
    return presets[name]()
