"""The upsampler in blocks of frames and, where memory is short, in tiles (Video LDM, Sec. 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from drivesim.engine.sampling import ConditionedNetwork, DiffusionStage
from drivesim.engine.settings import UpsamplerSettings
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.upsampler import Upsampler

NoiseOfFrames = Callable[[str, range, tuple[int, ...]], Tensor]
"""(`residual` or `low_res`, frames counted over the future, shape of a frame) -> noise `t *shape`."""


def upsample_blocks(
    stage: DiffusionStage,
    upsampler: Upsampler,
    low_res: Tensor,
    first_frame: int,
    wanted: range,
    settings: UpsamplerSettings,
    noise_of: NoiseOfFrames,
) -> Iterator[Tensor]:
    """Low-resolution frames `t 3 h w`, the first of them frame `first_frame` of the future, to blocks `t 3 H W`.

    The blocks hold the frames `wanted`, counted over the future, in order. Each is made with `block_context` frames
    beside it, where there are any, so that blocks join; with one sampler step and a context of at least the temporal
    layers' reach, the result is that of all frames at once.
    """
    for start in range(wanted.start, wanted.stop, settings.block_frames):
        stop = min(start + settings.block_frames, wanted.stop)
        first = max(first_frame, start - settings.block_context)
        last = min(first_frame + len(low_res), stop + settings.block_context)
        block = low_res[first - first_frame : last - first_frame]
        yield upsample(stage, upsampler, block, range(first, last), settings, noise_of)[start - first : stop - first]


def upsample(
    stage: DiffusionStage,
    upsampler: Upsampler,
    low_res: Tensor,
    frames: range,
    settings: UpsamplerSettings,
    noise_of: NoiseOfFrames,
) -> Tensor:
    """Low-resolution frames `t 3 h w`, which are `frames` of the future, to `t 3 H W` in -1..1."""
    factor, (height, width) = upsampler.config.factor, low_res.shape[-2:]
    noise = noise_of("residual", frames, (3, factor * height, factor * width)).to(low_res.device)
    augmentation = noise_of("low_res", frames, (3, height, width)).to(low_res.device)
    tau = torch.full((1,), settings.low_res_tau, device=low_res.device)
    noisy = stage.denoiser.schedule.diffuse(low_res[None], augmentation[None], tau)
    network = stage.network if settings.tile is None else tiled(upsampler, settings.tile)
    tiled_stage = replace(stage, network=network)
    denoise = tiled_stage.denoise(Conditioning(low_res=LowResolution(noisy, tau)))
    residual = tiled_stage.sample(denoise, noise[None], settings.sampling)
    return upsampler.frames(residual, low_res[None])[0]


def tiled(upsampler: Upsampler, tile: int) -> ConditionedNetwork:
    """The upsampler evaluated in square tiles of about `tile` low-resolution pixels, with the same result."""
    cell, factor = upsampler.cell, upsampler.config.factor
    side = max(cell, tile // cell * cell)

    def network(x: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        low_res = conditioning.low_res
        out = torch.empty_like(x)
        for rows in _tiles(low_res.frames.shape[-2], side, upsampler.reach):
            for columns in _tiles(low_res.frames.shape[-1], side, upsampler.reach):
                (top, first_row, last_row, bottom), (left, first_column, last_column, right) = rows, columns
                part = LowResolution(low_res.frames[..., top:bottom, left:right], low_res.tau)
                big = x[..., factor * top : factor * bottom, factor * left : factor * right]
                made = upsampler(big, tau, replace(conditioning, low_res=part))
                out[..., factor * first_row : factor * last_row, factor * first_column : factor * last_column] = made[
                    ...,
                    factor * (first_row - top) : factor * (last_row - top),
                    factor * (first_column - left) : factor * (last_column - left),
                ]
        return out

    return network


def _tiles(size: int, side: int, halo: int) -> Iterator[tuple[int, int, int, int]]:
    """For each tile along an axis: where its input begins, where its output begins and ends, where its input ends."""
    for start in range(0, size, side):
        stop = min(start + side, size)
        yield max(0, start - halo), start, stop, min(size, stop + halo)
