"""Enlarging patches by diffusion (Video LDM, Eq. 5): what an upsampler is given, what its predictions stand for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.diffusion.denoiser import Denoiser
from drivesim.diffusion.samplers import ddim, final
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.upsampler import Upsampler
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import standard_normal

_SAMPLED_STEPS = 1
_SAMPLED_LOW_RES_TAU = 30


@dataclass(frozen=True)
class Upsampling:
    """An upsampler with its denoiser.

    Attributes:
        network: The network.
        denoiser: Noise schedule and parametrization.
        max_low_res_tau: Strongest noise augmentation of the low-resolution patches, as a diffusion time.
        full_noise_share: Fraction of the training samples at the highest noise level.
    """

    network: Upsampler
    denoiser: Denoiser
    max_low_res_tau: int
    full_noise_share: float

    def denoised(self, patches: Tensor, low_res: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Denoises patches from random diffusion times.

        Args:
            patches: True patches `b t 3 h w` in -1..1.
            low_res: The same patches at low resolution, `b t 3 h/f w/f`.
            generator: Source of all randomness, on the CPU.

        Returns:
            The patches that the predictions stand for, and the squared error of the predictions, a scalar.
        """
        count, num_steps, device = len(patches), self.denoiser.schedule.num_steps, patches.device
        low_tau = torch.randint(self.max_low_res_tau, (count,), generator=generator).to(device)
        tau = torch.randint(num_steps, (2, count), generator=generator).amax(0)
        at_full_noise = torch.rand(count, generator=generator) < self.full_noise_share
        tau = torch.where(at_full_noise, num_steps - 1, tau).to(device)
        noise = shared_noise(patches, generator)
        noisy, target = self.denoiser.training_pair(self.network.residual(patches, low_res), noise, tau)
        conditioning = self._conditioning(low_res, low_tau, generator)
        prediction = self._predicted(noisy, tau, conditioning)
        residual = self.denoiser.denoised(noisy, prediction, tau)
        return self.network.frames(residual, low_res), (prediction - target).square().mean()

    def made_from_noise(self, low_res: Tensor, generator: torch.Generator) -> Tensor:
        """Enlarges low-resolution patches `b t 3 h w` that have no truth, in one step from pure noise.

        Every rollout begins with this step, and it is the only one that can be taken without true patches. The
        patches are noise-augmented as in training, and gradients pass through.
        """
        count, device = len(low_res), low_res.device
        low_tau = torch.randint(self.max_low_res_tau, (count,), generator=generator).to(device)
        tau = torch.full((count,), self.denoiser.schedule.num_steps - 1, device=device)
        noise = self._noise_to_enlarge(low_res, generator)
        prediction = self._predicted(noise, tau, self._conditioning(low_res, low_tau, generator))
        return self.network.frames(self.denoiser.denoised(noise, prediction, tau), low_res)

    def sampled(self, low_res: Tensor, generator: torch.Generator) -> Tensor:
        """Enlarges low-resolution patches `b t 3 h w`, in as few steps as a rollout takes."""
        tau = torch.full((len(low_res),), _SAMPLED_LOW_RES_TAU, device=low_res.device)
        conditioning = self._conditioning(low_res, tau, generator)
        noise = self._noise_to_enlarge(low_res, generator)
        denoise = self.denoiser.bind(lambda x, tau: self.network(x, tau, conditioning))
        return self.network.frames(final(ddim(denoise, noise, self.denoiser.schedule, _SAMPLED_STEPS)), low_res)

    def _predicted(self, noisy: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        with mixed_precision(noisy.device.type):
            prediction: Tensor = self.network(noisy, tau, conditioning)
        return prediction.float()

    def _noise_to_enlarge(self, low_res: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the size to which low-resolution patches `b t 3 h w` are enlarged."""
        b, t, c, h, w = low_res.shape
        factor = self.network.config.factor
        return shared_noise(low_res.new_empty((b, t, c, factor * h, factor * w)), generator)

    def _conditioning(self, low_res: Tensor, tau: Tensor, generator: torch.Generator) -> Conditioning:
        noise = shared_noise(low_res, generator)
        return Conditioning(low_res=LowResolution(self.denoiser.schedule.diffuse(low_res, noise, tau), tau))


def shrunk(patches: Tensor, factor: int) -> Tensor:
    """Shrinks patches `b t 3 h w` by area to `b t 3 h/f w/f`."""
    small = nn.functional.avg_pool2d(patches.flatten(0, 1), factor)
    return rearrange(small, "(b t) c h w -> b t c h w", b=len(patches))


def with_more_detail(patches: Tensor) -> Tensor:
    """Chooses the patch of each pair with more detail: sky and road have little to teach.

    Args:
        patches: Patches `2b t 3 h w`; patch i competes with patch b + i.

    Returns:
        The numbers of the chosen patches, `b`.
    """
    first, second = patches.diff(dim=-1).abs().mean((1, 2, 3, 4)).chunk(2)
    count = torch.arange(len(first), device=patches.device)
    return torch.where(first > second, count, count + len(first))


def shared_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draws standard normal noise shaped like `b t c h w`, the same for all frames of a clip."""
    b, t, *picture = like.shape
    return standard_normal((b, 1, *picture), generator, like.device).expand(b, t, *picture)
