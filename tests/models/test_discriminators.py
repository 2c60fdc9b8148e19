from __future__ import annotations

import pytest
import torch
from torch import nn

from drivesim.models.discriminators import (
    PatchDiscriminator2d,
    PatchDiscriminator3d,
    PatchDiscriminatorConfig,
    adaptive_generator_weight,
    discriminator_hinge_loss,
    generator_hinge_loss,
)

TINY = PatchDiscriminatorConfig(channels=(4, 8))


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_shapes() -> None:
    assert PatchDiscriminator2d(TINY)(noise(2, 3, 16, 32)).shape == (2, 1, 4, 8)
    assert PatchDiscriminator3d(TINY)(noise(2, 5, 3, 16, 32)).shape == (2, 5, 1, 4, 8)
    assert PatchDiscriminator3d(TINY)(noise(2, 1, 3, 16, 32)).shape == (2, 1, 1, 4, 8)


@pytest.mark.parametrize(
    ("discriminator", "shape"),
    [(PatchDiscriminator2d(TINY), (3, 3, 16, 16)), (PatchDiscriminator3d(TINY), (3, 4, 3, 16, 16))],
)
def test_a_sample_is_judged_without_its_batch_neighbours(discriminator: nn.Module, shape: tuple[int, ...]) -> None:
    discriminator.eval()
    batch = noise(*shape)
    torch.testing.assert_close(discriminator(batch[1:2]), discriminator(batch)[1:2])


def test_the_logits_of_an_image_are_local() -> None:
    discriminator, image = PatchDiscriminator2d(TINY).eval(), noise(1, 3, 64, 64)
    changed = image.clone()
    changed[..., :8, :8] = 0
    difference = (discriminator(image) - discriminator(changed)).abs()
    assert difference[..., :2, :2].max() > 0
    assert difference[..., 8:, 8:].max() == 0


def test_only_the_video_discriminator_sees_the_order_of_frames() -> None:
    """A moving picture played backwards is a different video, though each frame is the same image."""
    video = noise(1, 6, 3, 16, 16)
    backwards = video.flip(1)
    judge_video, judge_image = PatchDiscriminator3d(TINY).eval(), PatchDiscriminator2d(TINY).eval()
    assert not torch.allclose(judge_video(video).flip(1), judge_video(backwards), atol=1e-4)
    torch.testing.assert_close(judge_image(video[0]).flip(0), judge_image(backwards[0]))


@pytest.mark.parametrize("temporal", [False, True])
def test_a_discriminator_learns_to_tell_flat_from_noisy_patches(temporal: bool) -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator3d(TINY) if temporal else PatchDiscriminator2d(TINY)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    shape = (2, 4, 3, 16, 16) if temporal else (8, 3, 16, 16)
    for _ in range(40):
        noisy, flat = torch.randn(shape), torch.zeros(shape)
        loss = discriminator_hinge_loss(discriminator(noisy), discriminator(flat))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert discriminator(noisy).mean() > discriminator(flat).mean() + 0.5


def test_hinge_losses() -> None:
    certain = torch.full((2, 1, 3, 3), 1.5)
    assert discriminator_hinge_loss(certain, -certain) == 0
    assert discriminator_hinge_loss(torch.zeros(4), torch.zeros(4)) == 1
    assert discriminator_hinge_loss(-certain, certain) == 2.5
    assert generator_hinge_loss(certain) < generator_hinge_loss(-certain)


def test_adaptive_weight_makes_both_gradients_equally_long() -> None:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 3))
    output = generator(noise(1, 3, 16, 16))
    reconstruction, adversarial = output.abs().mean(), 100 * output.square().mean()
    last_layer = generator[-1].weight
    weight = adaptive_generator_weight(reconstruction, adversarial, last_layer)
    assert not weight.requires_grad
    (first,) = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)
    (second,) = torch.autograd.grad(weight * adversarial, last_layer)
    torch.testing.assert_close(first.norm(), second.norm(), rtol=1e-3, atol=0)


def test_adaptive_weight_stays_under_its_ceiling_where_the_generator_has_no_gradient() -> None:
    layer = nn.Linear(2, 1, bias=False)
    output = layer(torch.ones(1, 2)).sum()
    assert adaptive_generator_weight(1e3 * output, 0 * output, layer.weight, ceiling=10.0) == 10.0
