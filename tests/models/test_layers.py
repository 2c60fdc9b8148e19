from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from drivesim.models.layers import (
    Downsample,
    ResidualBlock,
    SpatialAttention,
    Upsample,
    embedding_table,
    normalisation,
    sinusoidal_embedding,
)


def test_residual_layers_start_as_the_identity() -> None:
    x, embedding = torch.randn(2, 16, 4, 6), torch.randn(2, 8)
    assert torch.equal(ResidualBlock(16, 16, 8, "group")(x, embedding), x)
    assert torch.equal(SpatialAttention(16, 8, "group")(x), x)


def test_a_residual_block_of_other_width_starts_as_its_projection() -> None:
    x = torch.randn(2, 16, 4, 6)
    block = ResidualBlock(16, 24, None, "channel")
    assert torch.equal(block(x), block.skip(x))


@pytest.mark.parametrize("kind", ["group", "channel"])
def test_normalisation_ignores_scale_and_neighbours(kind: str) -> None:
    norm = normalisation(kind, 32)
    x = torch.randn(2, 32, 4, 6)
    louder = torch.stack([x[0] * 50, x[1]])
    assert torch.allclose(norm(louder), norm(x), atol=1e-3)
    assert torch.equal(norm(louder)[1], norm(x)[1])


def test_channel_normalisation_sees_one_position() -> None:
    norm = normalisation("channel", 8)
    x = torch.randn(1, 8, 4, 6)
    assert torch.equal(norm(x)[..., 2:3, 3:4], norm(x[..., 2:3, 3:4]))
    assert torch.allclose(norm(x).square().mean(1), torch.ones(1, 4, 6), atol=1e-4)


def test_an_unknown_normalisation_is_named() -> None:
    with pytest.raises(ValueError, match="'batch'"):
        normalisation("batch", 8)


def test_resampling_shapes() -> None:
    x = torch.randn(2, 8, 4, 6)
    assert Downsample(8, 12)(x).shape == (2, 12, 2, 3)
    assert Upsample(8, 12)(x).shape == (2, 12, 8, 12)


def test_sinusoids_have_unit_pairs_and_tell_positions_apart() -> None:
    embedded = sinusoidal_embedding(torch.arange(1000), 64)
    assert torch.allclose(embedded.square().sum(-1), torch.full((1000,), 32.0), atol=1e-3)
    assert (torch.cdist(embedded, embedded) + 10 * torch.eye(1000)).min() > 0.1


def test_attention_is_over_positions_of_one_picture(randomise) -> None:
    attention = randomise(SpatialAttention(16, 8, "group"))
    x = torch.randn(2, 16, 4, 6)
    changed = x.clone()
    changed[1] += 1
    out = attention(x)
    assert torch.equal(attention(changed)[0], out[0])
    assert torch.allclose(attention(x.flip(-1)).flip(-1), out, atol=1e-5)


@torch.inference_mode()
def test_attention_is_the_mean_of_values_weighted_by_scaled_products(randomise) -> None:
    attention, x = randomise(SpatialAttention(16, 8, "group")), torch.randn(2, 16, 4, 6)
    q, k, v = attention.to_qkv(attention.norm(x)).flatten(2).unflatten(1, (3, 2, 8)).unbind(1)
    weights = torch.softmax(q.transpose(-1, -2) @ k / 8**0.5, -1)
    mean = (v @ weights.transpose(-1, -2)).flatten(1, 2).unflatten(-1, (4, 6))
    assert torch.allclose(attention(x), x + attention.to_out(mean), atol=1e-5)


def test_an_embedding_table_starts_as_that_of_torch() -> None:
    torch.manual_seed(1)
    expected = torch.nn.Embedding(3, 8)
    torch.manual_seed(1)
    table = embedding_table(3, 8)
    assert torch.equal(table.weight, expected.weight)
    assert table.weight.requires_grad


def test_a_network_that_is_loaded_does_not_import_the_compiler_of_torch() -> None:
    build = "import sys, torch\nfrom drivesim.models.layers import embedding_table\n"
    build += "with torch.device('meta'):\n    assert embedding_table(3, 8).weight.is_meta\n"
    subprocess.run([sys.executable, "-c", build + "assert 'torch._dynamo' not in sys.modules"], check=True)
