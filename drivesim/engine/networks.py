"""The networks of a checkpoint set on one device, each loaded when first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.precision import BFLOAT16, FLOAT32, compute_in_bfloat16
from drivesim.models.presets import VideoFormat
from drivesim.models.stages import GUIDE, STAGES
from drivesim.models.upsampler import Upsampler
from drivesim.models.vehicle_detector import VehicleDetector


class Networks:
    """The networks of a checkpoint set in one precision; each attribute has the name of its stage.

    An attribute raises CheckpointError if the set does not hold the stage. The networks between single pictures and
    latents, and those that judge pictures, compute in float32 whatever the precision.
    """

    def __init__(self, checkpoints: CheckpointSet, device: torch.device, precision: str) -> None:
        self.checkpoints, self.device, self.precision = checkpoints, device, precision

    @cached_property
    def autoencoder(self) -> Autoencoder:
        autoencoder: Autoencoder = self._frozen("autoencoder")
        return autoencoder

    @cached_property
    def decoder(self) -> Autoencoder:
        decoder: Autoencoder = self._reduced("decoder")
        return decoder

    @cached_property
    def vehicle_detector(self) -> VehicleDetector:
        detector: VehicleDetector = self._frozen(VEHICLE_DETECTOR)
        return detector

    @cached_property
    def layouts(self) -> LayoutPrior:
        return self.checkpoints.load_layouts()

    @cached_property
    def image(self) -> DiffusionStage[Any]:
        return self._diffusion("image")

    @cached_property
    def guide(self) -> DiffusionStage[Any]:
        return self._diffusion(GUIDE)

    @cached_property
    def prediction(self) -> DiffusionStage[Any]:
        return self._diffusion("prediction")

    @cached_property
    def interpolation(self) -> DiffusionStage[Any]:
        return self._diffusion("interpolation")

    @cached_property
    def image_few_steps(self) -> DiffusionStage[Any]:
        return self._diffusion("image_few_steps")

    @cached_property
    def prediction_few_steps(self) -> DiffusionStage[Any]:
        return self._diffusion("prediction_few_steps")

    @cached_property
    def interpolation_few_steps(self) -> DiffusionStage[Any]:
        return self._diffusion("interpolation_few_steps")

    def sampled(self, role: str, settings: EngineSettings) -> DiffusionStage[Any]:
        """The stage as it is sampled with these settings: its student, where there is one, or itself."""
        stage: DiffusionStage[Any] = getattr(self, sampled_students(settings, self.checkpoints).get(role, role))
        return stage

    @cached_property
    def upsampler_image(self) -> DiffusionStage[Upsampler]:
        return self._diffusion("upsampler_image")

    @cached_property
    def upsampler(self) -> DiffusionStage[Upsampler]:
        return self._diffusion("upsampler")

    def _frozen(self, role: str) -> Any:
        return self.checkpoints.load(role).requires_grad_(False).to(self.device)

    def _reduced(self, role: str) -> Any:
        network = self._frozen(role)
        return compute_in_bfloat16(network) if self.precision == BFLOAT16 else network

    def _diffusion(self, role: str) -> DiffusionStage[Any]:
        stage, denoiser = STAGES[role], self.checkpoints.preset.denoiser(role)
        if stage.student_of is None or stage.takes_over_at is None:
            return DiffusionStage(self._reduced(role), denoiser, stage.num_steps)
        teacher: DiffusionStage[Any] = getattr(self, stage.student_of)
        return DiffusionStage(self._reduced(role), denoiser, stage.num_steps, teacher, stage.takes_over_at)


class EngineModels:
    """A checkpoint set on a device: its networks in each precision, and the sizes of what they make.

    exact: the networks in float32.
    """

    def __init__(self, checkpoints: CheckpointSet, device: torch.device) -> None:
        self.checkpoints, self.device = checkpoints, device
        self.exact = Networks(checkpoints, device, FLOAT32)
        self._reduced = Networks(checkpoints, device, BFLOAT16)

    def computing_in(self, precision: str) -> Networks:
        """The networks in `float32` or `bfloat16`."""
        return self._reduced if precision == BFLOAT16 else self.exact

    @property
    def video(self) -> VideoFormat:
        """Sizes and rates of the video."""
        return self.checkpoints.preset.video

    def tensor(self, array: np.ndarray) -> Tensor:
        """The array as a tensor on the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def sampled_students(settings: EngineSettings, checkpoints: CheckpointSet) -> dict[str, str]:
    """Returns the student that is sampled instead of each stage, for the stages where that is so.

    A student that was trained with another checkpoint of its stage than that of the set is left out.

    Raises:
        CheckpointError: the file of a student is missing or damaged.
    """
    found = {role: checkpoints.student_of(role) for role in settings.students}
    return {role: student for role, student in found.items() if student is not None}


def guided_settings(settings: EngineSettings, checkpoints: CheckpointSet) -> EngineSettings:
    """Returns settings with the guidance of the first frame that these checkpoints lead to.

    A student is not guided by another network, so there is autoguidance only without one. Raises as `sampled_students`.
    """
    if "image" in sampled_students(settings, checkpoints):
        return replace(settings, autoguidance=None)
    return settings.for_stages(checkpoints.roles)


def sampled_roles(roles: Sequence[str], settings: EngineSettings, checkpoints: CheckpointSet) -> tuple[str, ...]:
    """Returns stages followed by those of their students that are sampled, and by the guide if it guides `image`.

    Raises as `sampled_students`.
    """
    students = sampled_students(settings, checkpoints)
    guided = "image" in roles and guided_settings(settings, checkpoints).autoguidance is not None
    return (*roles, *(students[role] for role in roles if role in students), *([GUIDE] if guided else []))


def latent_shape(checkpoints: CheckpointSet) -> tuple[int, int, int]:
    """Shape `c h w` of a keyframe's latents."""
    video, config = checkpoints.preset.video, checkpoints.preset.autoencoder
    return (config.latent_channels, video.low_height // config.factor, video.low_width // config.factor)


def frame_shape(checkpoints: CheckpointSet) -> tuple[int, int, int]:
    """Shape `h w c` of a frame."""
    video, factor = checkpoints.preset.video, checkpoints.preset.upsampler.factor
    return (factor * video.low_height, factor * video.low_width, 3)
