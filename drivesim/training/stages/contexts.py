"""The context frames that a video model is trained with: noisy ones, and ones that the model has made itself.

In a rollout, each window continues frames that the model made. One that has only ever seen true frames takes its own
errors for truth and adds to them. So it learns with noisy contexts, whose noise level it may be conditioned on, and
with contexts that it has reconstructed itself, while the frames to predict stay true ones (Guo et al., 2025,
"End-to-End Training for Autoregressive Video Diffusion via Self-Resampling", arXiv 2512.15702). At the end of training,
windows are chained as in a rollout: the last frames that the model makes of one are the context of the next (Zhang et
al., 2025, "Epona", arXiv 2506.24113).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from drivesim.data.clips import ClipPlaces, clip_places
from drivesim.data.packed import PackedFootage
from drivesim.errors import FootageError
from drivesim.models.conditioning import ContextFrames
from drivesim.training.loop.budget import DECAY_FROM
from drivesim.training.loop.randomness import standard_normal
from drivesim.training.stages.stage import ClipKind


@dataclass(frozen=True)
class ContextTraining:
    """Which context frames a video model is trained with.

    Attributes:
        noise: Largest standard deviation of noise on known latents, in held-out figures and in the training of a
            network that is not conditioned on the noise level.
        embedded_noise: The same in the training of a network that is conditioned on the noise level. The level is this
            times the square of a uniform number, because sampling uses small levels.
        self_made: Probability that the context of a batch is the model's own reconstruction of it.
        max_steps: Largest number of steps of a reconstruction.
        overlap: Number of frames that a window of a rollout has in common with the one before.
        chained_windows: Number of windows that are chained, if there are clips as long as that.
        chained_from: Fraction of the training after which windows are chained.
    """

    noise: float = 0.1
    embedded_noise: float = 0.7
    self_made: float = 0.0
    max_steps: int = 4
    overlap: int = 2
    chained_windows: int = 1
    chained_from: float = DECAY_FROM

    def noise_levels(self, count: int, embedded: bool, generator: torch.Generator) -> Tensor:
        """Draws the standard deviation of the noise on the context of each sample, `count`, on the CPU."""
        uniform = torch.rand(count, generator=generator)
        return self.embedded_noise * uniform.square() if embedded else self.noise * uniform


@dataclass(frozen=True)
class Chain:
    """Clips that are long enough for several windows in a row.

    Attributes:
        places: The places of the clips.
        windows: The frames of each window, as ranges in the clip. Windows overlap by their context frames.
    """

    places: ClipPlaces
    windows: tuple[range, ...]


def find_chain(footage: PackedFootage, window: ClipKind, config: ContextTraining) -> Chain | None:
    """Returns the longest chain for which there are clips for training; None if no two windows fit into a log.

    Args:
        footage: The footage.
        window: Frame rate and number of frames of a window.
        config: How many windows are chained, and how far they overlap.
    """
    for count in range(config.chained_windows, 1, -1):
        windows = chained_windows(window.num_frames, config.overlap, count)
        with suppress(FootageError):
            return Chain(clip_places(footage, "train", window.fps, windows[-1].stop), windows)
    return None


def chained_windows(num_frames: int, overlap: int, count: int) -> tuple[range, ...]:
    """Returns the frames of `count` windows of `num_frames`, each of which begins with the last ones before it."""
    starts = [number * (num_frames - overlap) for number in range(count)]
    return tuple(range(start, start + num_frames) for start in starts)


def noisy_context(latents: Tensor, mask: Tensor, levels: Tensor, generator: torch.Generator) -> ContextFrames:
    """Adds noise to known frames.

    Args:
        latents: Latents of all frames, `b t c h w`.
        mask: Which of them are known, `b t`.
        levels: Standard deviation of the noise of each sample, `b`.
        generator: Source of randomness, on the CPU.
    """
    levels = levels.to(latents.device)
    noise = standard_normal(latents.shape, generator, latents.device)
    return ContextFrames(latents + levels[:, None, None, None, None] * noise, mask, levels)


def with_known_frames(clean: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
    """Replaces the known ones among the first frames of clips.

    In a rollout the sampler holds known frames, so that the network sees them in its noisy input too. Frames that are
    not known stay true: they are the target.

    Args:
        clean: Latents of all frames, `b t c h w`.
        frames: What the first frames are replaced by, `b s c h w`.
        mask: Which frames are known, `b t`.
    """
    replaced = torch.cat([frames, clean[:, frames.shape[1] :]], 1)
    return torch.where(mask[..., None, None, None], replaced, clean)
