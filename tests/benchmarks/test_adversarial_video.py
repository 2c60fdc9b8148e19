"""The adversarial baseline: noise over time becomes clips, and its losses move both networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


@pytest.fixture
def config():
    from adversarial_networks import AdversarialConfig

    return AdversarialConfig(8, 16, 4, (0.5, 2.0), 16, (16, 12), enlarger_width=8)


def test_filtered_noise_keeps_its_variance_and_changes_at_its_own_pace(config) -> None:
    from adversarial_networks import TemporalStyles

    styles = TemporalStyles(config)
    styles.mapping = torch.nn.Identity()
    seen = styles(torch.randn(64, 40 + 2 * styles.reach, config.noise_dim)).unflatten(-1, (config.noise_dim, 2))
    assert seen.shape == (64, 40, config.noise_dim, 2)
    assert seen.std((0, 1, 2)).tolist() == pytest.approx([1, 1], abs=0.1)
    fast, slow = seen.diff(dim=1).std((0, 1, 2))
    assert slow < fast / 2


def test_later_noise_makes_later_frames(config) -> None:
    from adversarial_networks import Generator

    generator = Generator(config).eval()
    noise = generator.noise(1, 12, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole, later = generator(noise), generator(noise[:, 1:])
    assert whole.shape == (1, 12, 3, 8, 16)
    edge = len(config.widths)
    assert torch.allclose(whole[:, 1 + edge : -edge], later[:, edge:-edge], atol=1e-4)
    assert (whole[:, 1:] - whole[:, :-1]).abs().max() > 1e-4


def test_an_enlarged_clip_shrinks_to_what_it_was_made_of_without_detail(config) -> None:
    from adversarial_networks import Enlarger
    from adversarial_video import shrunk

    enlarger = Enlarger(config)
    torch.nn.init.zeros_(enlarger.out.weight)
    torch.nn.init.zeros_(enlarger.out.bias)
    low = torch.linspace(-0.5, 0.5, 16).expand(1, 2, 3, 8, 16)
    high = enlarger(low, torch.randn(1, 1, 1, 8, 16))
    assert high.shape == (1, 2, 3, 32, 64)
    assert torch.allclose(shrunk(high)[..., 2:-2], low[..., 2:-2], atol=0.02)


def test_both_networks_learn_and_a_state_is_read_again(config, tmp_path: Path) -> None:
    from adversarial_networks import Discriminator, Generator
    from adversarial_video import Adversaries

    def fresh() -> Adversaries:
        return Adversaries("low", Generator(config), Discriminator(3, config.widths[::-1]))

    one, real = fresh(), torch.full((2, 4, 3, 8, 16), 0.5)
    before = [next(network.parameters()).clone() for network in (one.generator, one.discriminator, one.average)]

    def step(generator: torch.Generator) -> dict[str, float]:
        noise = one.generator.noise(2, 4, generator)
        return one.descend(lambda: one.generator(noise), real, generator)

    for _ in range(2):
        figures = step(torch.Generator().manual_seed(0))
    after = [next(network.parameters()) for network in (one.generator, one.discriminator, one.average)]
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.tensor(list(figures.values())).isfinite())
    one.save(tmp_path)
    other = fresh()
    other.resume(tmp_path)
    assert other.step == 2
    values = other.average.state_dict()
    assert all(torch.equal(value, values[name]) for name, value in one.average.state_dict().items())


def test_augmentation_treats_all_frames_of_a_clip_alike(config) -> None:
    from adversarial_video import augmented

    still = torch.rand(2, 1, 3, 16, 16).expand(2, 5, 3, 16, 16)
    changed = augmented(still, torch.Generator().manual_seed(1))
    assert changed.shape == still.shape
    assert torch.equal(changed[:, 0], changed[:, 4])
    assert not torch.allclose(changed, still)
