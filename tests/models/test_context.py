from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from drivesim.models.conditioning import ContextFrames
from drivesim.models.context import ContextEncoder, nearest_known

T, C = 5, 3


def by_loop(latents: Tensor, mask: list[bool], frame: int, step: int) -> Tensor:
    """`c + 2`: the nearest known latent in one direction, that there is one, and how far it is."""
    neighbour = frame
    while 0 <= neighbour < T:
        if mask[neighbour]:
            return torch.tensor([*latents[neighbour].flatten().tolist(), 1.0, abs(neighbour - frame) / T])
        neighbour += step
    return torch.zeros(C + 2)


def test_nearest_known_frames_equal_a_search_for_every_mask() -> None:
    masks = list(product([False, True], repeat=T))
    latents = torch.randn(len(masks), T, C, 1, 1)
    found = nearest_known(ContextFrames(latents, torch.tensor(masks)))
    assert found.shape == (len(masks), T, 2 * (C + 2), 1, 1)
    for sample, mask in enumerate(masks):
        for frame in range(T):
            before, after = (by_loop(latents[sample], mask, frame, step) for step in (-1, 1))
            assert torch.allclose(found[sample, frame].flatten(), torch.cat([before, after]))


def test_unknown_latents_are_never_seen() -> None:
    mask = torch.tensor([[True, False, False, True, False]])
    latents = torch.randn(1, T, C, 2, 2)
    other = torch.where(mask[..., None, None, None], latents, torch.randn_like(latents) * 100)
    assert torch.equal(nearest_known(ContextFrames(latents, mask)), nearest_known(ContextFrames(other, mask)))


def test_the_encoder_halves_at_each_level() -> None:
    encoder = ContextEncoder(C, 6, 3)
    features = encoder(ContextFrames(torch.randn(2, T, C, 8, 16), torch.ones(2, T, dtype=torch.bool)))
    assert [tuple(feature.shape) for feature in features] == [(2, T, 6, 8, 16), (2, T, 6, 4, 8), (2, T, 6, 2, 4)]
