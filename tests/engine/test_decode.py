from __future__ import annotations

from pathlib import Path

import pytest
import torch

from drivesim.engine.decode import decode_frames
from drivesim.engine.seeds import noise
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import CheckpointSet


@pytest.fixture(scope="module")
def decoder(tiny_checkpoints: Path) -> Autoencoder:
    return CheckpointSet.open(tiny_checkpoints).load("decoder")


@torch.inference_mode()
@pytest.mark.parametrize("frames_at_a_time", [1, 3, 5, 24])
def test_streamed_decoding_equals_that_of_the_whole(decoder: Autoencoder, frames_at_a_time: int) -> None:
    latents = noise((14, 8, 4, 8), 0)
    whole = decoder.decode(latents[None])[0]
    streamed = decode_frames(decoder, latents, range(14), frames_at_a_time)
    assert torch.allclose(streamed, whole, atol=1e-4)
    part = decode_frames(decoder, latents, range(6, 11), frames_at_a_time)
    assert torch.allclose(part, whole[6:11], atol=1e-4)


@torch.inference_mode()
def test_frames_do_depend_on_their_neighbours(decoder: Autoencoder) -> None:
    latents = noise((9, 8, 4, 8), 0)
    alone = decoder.decode(latents[None, 4:5])[0]
    assert not torch.allclose(decode_frames(decoder, latents, range(4, 5), 1), alone, atol=1e-3)
