"""The networks of a checkpoint set on one device and in one precision, each loaded when first used."""

from __future__ import annotations

from functools import cached_property

import torch

from drivesim.engine.sampling import DiffusionStage
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.precision import BFLOAT16, compute_in_bfloat16
from drivesim.models.vehicle_detector import VehicleDetector


class Networks:
    """Attributes by the name of the stage; CheckpointError where the set holds none.

    What makes a single picture from latents or latents from a picture, and what judges pictures, is float32 always.
    """

    def __init__(self, checkpoints: CheckpointSet, device: torch.device, precision: str) -> None:
        self.checkpoints, self.device, self.precision = checkpoints, device, precision

    @cached_property
    def autoencoder(self) -> Autoencoder:
        return self._frozen("autoencoder")

    @cached_property
    def decoder(self) -> Autoencoder:
        return self._reduced("decoder")

    @cached_property
    def vehicle_detector(self) -> VehicleDetector:
        return self._frozen(VEHICLE_DETECTOR)

    @cached_property
    def layouts(self) -> LayoutPrior:
        return self.checkpoints.load_layouts()

    @cached_property
    def image(self) -> DiffusionStage:
        return self._diffusion("image")

    @cached_property
    def prediction(self) -> DiffusionStage:
        return self._diffusion("prediction")

    @cached_property
    def interpolation(self) -> DiffusionStage:
        return self._diffusion("interpolation")

    @cached_property
    def upsampler_image(self) -> DiffusionStage:
        return self._diffusion("upsampler_image")

    @cached_property
    def upsampler(self) -> DiffusionStage:
        return self._diffusion("upsampler")

    def _frozen(self, role: str) -> torch.nn.Module:
        return self.checkpoints.load(role).requires_grad_(False).to(self.device)

    def _reduced(self, role: str) -> torch.nn.Module:
        network = self._frozen(role)
        return compute_in_bfloat16(network) if self.precision == BFLOAT16 else network

    def _diffusion(self, role: str) -> DiffusionStage:
        return DiffusionStage(self._reduced(role), self.checkpoints.preset.denoiser(role))
