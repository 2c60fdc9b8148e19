"""The upsampler in blocks of frames (Video LDM, Sec. 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from drivesim.engine.making import made
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import UpsamplerSettings
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.upsampler import Upsampler

NoiseOfFrames = Callable[[str, range, tuple[int, ...]], Tensor]
"""(`residual` or `low_res`, frames counted over the future, shape of a frame) -> noise `t *shape`."""


def upsample_blocks(
    stage: DiffusionStage[Upsampler],
    low_res: Tensor,
    first_frame: int,
    wanted: range,
    settings: UpsamplerSettings,
    noise_of: NoiseOfFrames,
) -> Iterator[Tensor]:
    """Enlarges low-resolution frames `t 3 h w` and yields them in blocks `t 3 H W`, in order.

    Each block is made with `block_context` frames on each side of it, as far as there are any, so that blocks join.
    With one sampler step and a context of at least the temporal layers' reach, the result equals that of all frames
    at once.

    Args:
        first_frame: the number of the first low-resolution frame, counted over the future.
        wanted: the frames to yield, counted over the future.
    """
    for start in range(wanted.start, wanted.stop, settings.block_frames):
        stop = min(start + settings.block_frames, wanted.stop)
        first = max(first_frame, start - settings.block_context)
        last = min(first_frame + len(low_res), stop + settings.block_context)
        block = low_res[first - first_frame : last - first_frame]
        yield upsample(stage, block, range(first, last), settings, noise_of)[start - first : stop - first]


def upsample(
    stage: DiffusionStage[Upsampler],
    low_res: Tensor,
    frames: range,
    settings: UpsamplerSettings,
    noise_of: NoiseOfFrames,
) -> Tensor:
    """Enlarges low-resolution frames `t 3 h w`, which are `frames` of the future, to `t 3 H W` in -1..1."""
    upsampler, (height, width) = stage.network, low_res.shape[-2:]
    factor = upsampler.config.factor
    noise = noise_of("residual", frames, (3, factor * height, factor * width)).to(low_res.device)
    augmentation = noise_of("low_res", frames, (3, height, width)).to(low_res.device)
    tau = torch.full((1,), settings.low_res_tau, device=low_res.device)
    noisy = stage.denoiser.schedule.diffuse(low_res[None], augmentation[None], tau)
    denoise = stage.denoise(Conditioning(low_res=LowResolution(noisy, tau)))
    residual = made(stage.sample(denoise, noise[None], settings.sampling))
    return upsampler.frames(residual, low_res[None])[0]
