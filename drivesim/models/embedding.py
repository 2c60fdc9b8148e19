"""Embeddings of the noise level and of the conditions that are not maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drivesim.models.conditioning import UNKNOWN, Conditioning, ContextFrames
from drivesim.models.layers import embedding_table, sinusoidal_embedding, zero_initialised
from drivesim.models.temporal import TemporalConfig, TemporalLayer

MAX_CROWDEDNESS = 32


class NoiseEmbedding(nn.Module):
    """Embeds the diffusion time `tau` `b`, in 0..1000, as vectors `b d`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, tau: Tensor) -> Tensor:
        """Maps `b` to `b d`."""
        dtype = next(self.mlp.parameters()).dtype
        embedding: Tensor = self.mlp(sinusoidal_embedding(tau, self.dim).to(dtype))
        return embedding


class SceneEmbedding(nn.Module):
    """Embeds time of day and crowdedness, each with a learned vector for 'unknown'."""

    def __init__(self, dim: int, num_times_of_day: int = 2) -> None:
        super().__init__()
        self.dim = dim
        self.time_of_day = embedding_table(num_times_of_day + 1, dim)
        self.crowdedness = nn.Linear(dim, dim)
        self.crowdedness_unknown = nn.Parameter(torch.zeros(dim))

    def forward(self, conditioning: Conditioning, batch: int) -> Tensor:
        """Maps the conditions of `batch` samples to `b d`."""
        device = self.crowdedness_unknown.device
        unknown = torch.full((batch,), UNKNOWN, device=device)
        time_of_day = unknown if conditioning.time_of_day is None else conditioning.time_of_day
        count = unknown if conditioning.crowdedness is None else conditioning.crowdedness
        encoded = sinusoidal_embedding(count.clamp(0, MAX_CROWDEDNESS), self.dim, max_period=200.0)
        crowded = self.crowdedness(encoded.to(self.crowdedness.weight.dtype))
        crowded = torch.where((count == UNKNOWN)[:, None], self.crowdedness_unknown, crowded)
        embedding: Tensor = self.time_of_day(time_of_day + 1) + crowded
        return embedding


class ContextNoiseEmbedding(nn.Module):
    """Embeds the noise level of context frames. It starts at zero: levels have no effect until they are trained."""

    _SCALE = 1000.0  # a level of 1 is as far from 0 as the last diffusion time

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), zero_initialised(nn.Linear(dim, dim)))

    def forward(self, context: ContextFrames | None, batch: int) -> Tensor:
        """Returns `b d` for the context of `batch` samples; a sample without known frames has noise level 0."""
        like = next(self.mlp.parameters())
        level = torch.zeros(batch, device=like.device)
        if context is not None and context.noise is not None:
            level = context.noise * context.mask.any(1)
        embedding: Tensor = self.mlp(sinusoidal_embedding(self._SCALE * level, self.dim).to(like.dtype))
        return embedding


class TemporalEmbedding(TemporalLayer):
    """What conditions the temporal layers in each frame.

    These are the noise level, ego motion, the regime of the frame rate, and the noise level of the context.
    """

    def __init__(self, dim: int, config: TemporalConfig) -> None:
        super().__init__()
        self.noise = NoiseEmbedding(dim)
        self.ego_motion = (
            nn.Sequential(nn.Linear(3, dim), nn.SiLU(), nn.Linear(dim, dim)) if config.ego_motion else None
        )
        self.frame_rate = embedding_table(3, dim) if config.frame_rate else None
        self.context_noise = ContextNoiseEmbedding(dim) if config.context_noise else None

    def forward(self, tau: Tensor, conditioning: Conditioning, num_frames: int) -> Tensor:
        """Maps `tau` `b` and conditions to `b t d`."""
        embedding: Tensor = self.noise(tau)[:, None].expand(-1, num_frames, -1)
        if self.frame_rate is not None:
            regime = torch.full_like(tau, UNKNOWN) if conditioning.frame_rate is None else conditioning.frame_rate
            embedding = embedding + self.frame_rate(regime.long() + 1)[:, None]
        if self.ego_motion is not None:
            like = next(self.ego_motion.parameters())
            embedding = embedding + self.ego_motion(_ego_features(like, tau, conditioning, num_frames))
        if self.context_noise is not None:
            embedding = embedding + self.context_noise(conditioning.context, len(tau))[:, None]
        return embedding


def _ego_features(like: Tensor, tau: Tensor, conditioning: Conditioning, num_frames: int) -> Tensor:
    """Scaled ego motion and whether it is known, `b t 3`, of the type and on the device of `like`."""
    if conditioning.ego_motion is None:
        return like.new_zeros(len(tau), num_frames, 3)
    known = conditioning.ego_motion.known.to(like.dtype)[:, None, None].expand(-1, num_frames, 1)
    scaled = conditioning.ego_motion.values.to(like.dtype) * like.new_tensor([0.1, 4.0])
    return torch.cat([scaled * known, known], -1)
