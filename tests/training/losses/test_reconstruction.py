"""Frames without truth: the adversary alone judges them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drivesim.training.losses.reconstruction import ReconstructionConfig, ReconstructionLoss


def _terms(made: Tensor, unpaired: Tensor | None, step: int = 0, layer: nn.Conv2d | None = None) -> list:
    """The losses of made frames, which a last layer makes, against frames that are all grey."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 3, 1) if layer is None else layer
    config = ReconstructionConfig(perceptual_start=0, adversarial_weight=1.0, adversarial_start=0)
    if step < 0:
        config = ReconstructionConfig(perceptual_start=0, adversarial_start=1)
    loss = ReconstructionLoss(config, lambda frames: frames.mean((2, 3, 4)), layer.weight)
    passed = layer(made.flatten(0, 1))[:, None]
    others = None if unpaired is None else layer(unpaired.flatten(0, 1))[:, None]
    real = torch.zeros_like(passed)
    weights = torch.ones_like(real[:, :, :1])
    return list(loss.terms(real, passed, weights, torch.zeros(()), max(0, step), unpaired=others))


def _frames(seed: int, count: int) -> Tensor:
    return torch.rand((count, 1, 3, 32, 32), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_frames_without_truth_change_the_adversary_s_terms_alone() -> None:
    made = _frames(0, 4)
    alone, more = _terms(made, None), _terms(made, _frames(1, 2) + 1)
    for name in ("l1", "psnr_db", "perceptual"):
        assert alone[0].figures[name] == more[0].figures[name]
    assert alone[0].figures["adversarial"] != more[0].figures["adversarial"]
    assert alone[1].value != more[1].value


def test_frames_without_truth_do_not_count_before_they_are_judged() -> None:
    made = _frames(0, 4)
    (alone,), (more,) = _terms(made, None, step=-1), _terms(made, _frames(1, 2), step=-1)
    assert alone.value == more.value
    assert "adversarial" not in more.figures


def test_all_fakes_count_alike() -> None:
    made = _frames(0, 6)
    together, apart = _terms(made, None), _terms(made[:4], made[4:])
    assert torch.allclose(together[0].figures["adversarial"], apart[0].figures["adversarial"])
