from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import Tensor

from drivesim.models.autoencoder import Autoencoder, AutoencoderConfig, Posterior
from drivesim.models.temporal import temporal_names

CONFIG = AutoencoderConfig(latent_channels=8, base_channels=16, encoder_blocks=1, decoder_blocks=2)


def pictures(count: int = 12) -> Tensor:
    """Smooth random pictures `b 3 32 64` in -1..1."""
    coarse = torch.randn(count, 3, 8, 16)
    fine = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic", align_corners=False)
    return (fine / 3).clamp(-1, 1)


def test_shapes() -> None:
    autoencoder = Autoencoder(CONFIG)
    frames = torch.rand(2, 3, 3, 32, 64)
    latents = autoencoder.encode(frames)
    assert CONFIG.factor == 8
    assert latents.shape == (2, 3, 8, 4, 8)
    assert autoencoder.decode(latents).shape == frames.shape


@torch.no_grad()
def test_the_linear_start_is_the_projection_on_principal_components() -> None:
    autoencoder, x = Autoencoder(CONFIG).eval(), pictures()
    autoencoder.initialise_linear(x)
    reconstructed = autoencoder.decoder(autoencoder.encoder(x).mean[:, None])[:, 0]

    blocks = rearrange(x.double().numpy(), "b c (h i) (w j) -> (b h w) (c i j)", i=8, j=8)
    centred = blocks - blocks.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:8]
    expected = centred @ components.T @ components + blocks.mean(0)
    expected = rearrange(expected, "(b h w) (c i j) -> b c (h i) (w j)", h=4, w=8, i=8, j=8)
    assert np.allclose(reconstructed.numpy(), expected, atol=1e-4)


@torch.no_grad()
def test_the_linear_start_is_better_than_none_and_has_unit_latents() -> None:
    autoencoder, x = Autoencoder(CONFIG).eval(), pictures()
    untrained = (autoencoder.decode(autoencoder.encode(x[:, None]))[:, 0] - x).square().mean()
    autoencoder.initialise_linear(x)
    error = (autoencoder.decode(autoencoder.encode(x[:, None]))[:, 0] - x).square().mean()
    assert error < 0.5 * untrained
    mean = autoencoder.encoder(x).mean
    assert torch.allclose(mean.mean((0, 2, 3)), torch.zeros(8), atol=1e-3)
    assert torch.allclose(mean.std((0, 2, 3)), torch.ones(8), atol=1e-2)


@torch.no_grad()
def test_pictures_without_variety_still_give_a_finite_start() -> None:
    autoencoder = Autoencoder(CONFIG).eval()
    autoencoder.initialise_linear(torch.full((2, 3, 32, 64), 0.25))
    decoded = autoencoder.decode(autoencoder.encode(torch.full((1, 1, 3, 32, 64), 0.25)))
    assert torch.allclose(decoded, torch.full_like(decoded, 0.25), atol=1e-3)


@torch.no_grad()
def test_latents_are_normalised_and_decoding_undoes_it(randomise) -> None:
    autoencoder, x = randomise(Autoencoder(CONFIG)), pictures()
    means = autoencoder.encoder(x).mean
    autoencoder.set_latent_statistics(means)
    latents = autoencoder.encode(x[:, None])
    assert torch.allclose(latents.mean((0, 1, 3, 4)), torch.zeros(8), atol=1e-4)
    assert torch.allclose(latents.std((0, 1, 3, 4)), torch.ones(8), atol=1e-4)
    expected = autoencoder.decoder(means[:, None]).clamp(-1, 1)
    assert torch.allclose(autoencoder.decode(latents), expected, atol=1e-4)


@torch.no_grad()
def test_the_video_decoder_starts_as_the_picture_decoder(randomise) -> None:
    picture = randomise(Autoencoder(CONFIG))
    video = Autoencoder(replace(CONFIG, temporal_decoder=True)).eval()
    missing, unexpected = video.load_state_dict(picture.state_dict(), strict=False)
    assert not unexpected
    assert set(missing) == temporal_names(video)
    assert all(name.startswith("decoder.") for name in missing)
    latents = torch.randn(1, 5, 8, 4, 8)
    assert torch.equal(video.decoder(latents), picture.decoder(latents))


@torch.no_grad()
@pytest.mark.parametrize("temporal", [False, True])
def test_temporal_reach_is_how_far_a_frame_is_felt(randomise, temporal: bool) -> None:
    decoder = randomise(Autoencoder(replace(CONFIG, temporal_decoder=temporal)).double()).decoder
    reach = decoder.temporal_reach
    assert reach == (len(CONFIG.multipliers) if temporal else 0)
    latents = torch.randn(1, 2 * reach + 5, 8, 4, 8).double()
    middle = reach + 2
    changed = latents.clone()
    changed[:, middle] += 1
    differs = (decoder(changed) != decoder(latents)).flatten(2).any(2)[0].nonzero().flatten()
    assert differs.tolist() == list(range(middle - reach, middle + reach + 1))


@torch.no_grad()
def test_the_encoder_sees_each_frame_alone(randomise) -> None:
    autoencoder = randomise(Autoencoder(replace(CONFIG, temporal_decoder=True)))
    frames = torch.rand(1, 3, 3, 32, 64)
    other = frames.clone()
    other[:, 1] = 0
    assert torch.equal(autoencoder.encode(other)[:, [0, 2]], autoencoder.encode(frames)[:, [0, 2]])


def test_posterior_against_the_closed_form() -> None:
    posterior = Posterior(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.0, -2.0]]))
    normal = torch.distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).mean()
    assert torch.isclose(posterior.kl(), expected)
    assert torch.equal(posterior.sample(torch.zeros(1, 2)), posterior.mean)
    assert torch.allclose(posterior.sample(torch.ones(1, 2)), posterior.mean + normal.scale)
