from __future__ import annotations

import torch
from einops import rearrange
from torch import nn

from drivesim.models.temporal import Merge, TemporalAttention, TemporalConv, TemporalResidualBlock


def test_temporal_convolution_is_a_3d_convolution() -> None:
    fast = TemporalConv(6, 10)
    slow = nn.Conv3d(6, 10, (3, 1, 1), padding=(1, 0, 0))
    with torch.no_grad():
        slow.weight.copy_(fast.conv.weight[..., None])
        slow.bias.copy_(fast.conv.bias)
    x = torch.randn(2, 5, 6, 4, 3)
    expected = rearrange(slow(rearrange(x, "b t c h w -> b c t h w")), "b c t h w -> b t c h w")
    assert torch.allclose(fast(x), expected, atol=1e-6)


def test_alpha_weights_the_spatial_branch() -> None:
    merge = Merge()
    spatial, temporal = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    with torch.no_grad():
        merge.alpha_logit.fill_(torch.logit(torch.tensor(0.8)))
        assert torch.allclose(merge(spatial, temporal), 0.8 * spatial + 0.2 * temporal)
        merge.alpha_logit.fill_(1e4)
        assert torch.equal(merge(spatial, temporal), spatial)
        merge.alpha_logit.fill_(-1e4)
        assert torch.equal(merge(spatial, temporal), temporal)


def test_temporal_layers_start_as_the_identity() -> None:
    x = torch.randn(2, 4, 16, 3, 5)
    block = TemporalResidualBlock(16, 8, 32, 3, "group")
    assert torch.equal(block(x, torch.randn(2, 4, 8, 3, 5), torch.randn(2, 4, 32)), x)
    assert torch.equal(TemporalAttention(16, 8, "group")(x), x)


def test_a_block_reaches_one_frame_to_each_side(randomise) -> None:
    """Normalisation is per frame: statistics over time would let every frame see every other."""
    block = randomise(TemporalResidualBlock(16, 0, None, 3, "group"))
    x = torch.randn(1, 7, 16, 4, 5)
    changed = x.clone()
    changed[:, 3] += torch.randn(16, 4, 5)
    differs = (block(changed) != block(x)).flatten(2).any(2)[0]
    assert differs.tolist() == [False, False, True, True, True, False, False]


def test_a_block_of_kernel_one_mixes_no_positions(randomise) -> None:
    block = randomise(TemporalResidualBlock(16, 0, None, 1, "channel"))
    x = torch.randn(1, 3, 16, 4, 5)
    changed = x.clone()
    changed[..., 2, 1] += 1
    differs = (block(changed) != block(x)).any(2)[0].any(0)
    assert differs.nonzero().tolist() == [[2, 1]]


def test_attention_reaches_all_frames_of_one_position_and_knows_their_order(randomise) -> None:
    attention = randomise(TemporalAttention(16, 8, "channel"))
    x = torch.randn(2, 6, 16, 4, 5)
    changed = x.clone()
    changed[0, 5, :, 2, 1] += 1
    out = attention(x)
    differs = (attention(changed) != out).any(2)
    assert differs[0, :, 2, 1].all()
    assert differs.sum() == 6
    assert not torch.allclose(attention(x.flip(1)).flip(1), out, atol=1e-3)


def test_a_kernel_of_one_frame_mixes_no_frames(randomise) -> None:
    block = randomise(TemporalResidualBlock(16, 0, None, 3, "group", temporal_kernel=1))
    x = torch.randn(1, 4, 16, 6, 6)
    whole = block(x)
    alone = torch.cat([block(x[:, t : t + 1]) for t in range(4)], 1)
    assert torch.allclose(whole, alone, atol=1e-5)
    assert not torch.allclose(randomise(TemporalResidualBlock(16, 0, None, 3, "group"))(x)[:, :1], whole[:, :1])
