from __future__ import annotations

import math

import pytest
import torch

from drivesim.models.checkpoints import build
from drivesim.models.conditioning import Conditioning
from drivesim.models.feature_discriminator import FeatureHeads, fake_loss, real_loss, unsteadiness
from drivesim.models.presets import tiny


@pytest.mark.parametrize("role", ["image", "prediction"])
def test_every_depth_of_the_network_is_judged_at_every_position(role: str) -> None:
    network = build(role, tiny())
    x = torch.randn(2, 3, tiny().image.in_channels, 8, 16)
    features = network.features(x, torch.tensor([10, 900]), Conditioning())
    assert [part.shape[2] for part in features] == network.feature_widths()
    logits = FeatureHeads(network.feature_widths(), channels=16)(features)
    assert [tuple(part.shape) for part in logits] == [(6, 1, 8, 16), (6, 1, 4, 8), (6, 1, 4, 8)]


def test_heads_that_see_changes_tell_order() -> None:
    frames = torch.randn(1, 3, 8, 4, 4)
    other_order = frames[:, [0, 2, 1]]
    for see_changes in (False, True):
        judge = FeatureHeads([8], channels=16, see_changes=see_changes)
        (logits,), (of_other,) = judge([frames]), judge([other_order])
        assert torch.allclose(logits[[0, 2, 1]], of_other, atol=1e-5) is not see_changes


def test_losses_are_those_of_a_coin_where_nothing_is_known_and_fall_towards_the_truth() -> None:
    unsure, sure = [torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 2, 2)], [torch.full((2, 1, 4, 4), 9.0)]
    assert float(real_loss(unsure)) == pytest.approx(math.log(2))
    assert float(fake_loss(unsure)) == pytest.approx(math.log(2))
    assert real_loss(sure) < 1e-3 < fake_loss(sure)


def test_steady_logits_have_no_penalty() -> None:
    logits = [torch.randn(2, 1, 4, 4)]
    assert unsteadiness(logits, logits) == 0
    assert float(unsteadiness(logits, [logits[0] + 0.5])) == pytest.approx(0.25)
