from __future__ import annotations

import pytest
import torch
from torch import nn

from drivesim.training.loop.muon import StackedMuon
from drivesim.training.loop.optimizer import NetworkOptimizer


def network() -> nn.Module:
    torch.manual_seed(0)
    hidden = (nn.Conv2d(16, 32, 3), nn.SiLU(), nn.Conv2d(32, 16, 1), nn.GroupNorm(4, 16))
    return nn.Sequential(*hidden, nn.Conv2d(16, 3, 1))


def descend(module: nn.Module, optimizer: NetworkOptimizer, steps: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        x = torch.randn(4, 16, 5, 5, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (module(x) - 1).square().mean().backward()
        optimizer.step(1e-3)


def test_without_muon_every_parameter_is_stepped_by_adamw() -> None:
    ours, theirs = network(), network()
    descend(ours, NetworkOptimizer(ours.parameters(), 1e-3), 3)
    adam = torch.optim.AdamW(theirs.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    for step in range(3):
        x = torch.randn(4, 16, 5, 5, generator=torch.Generator().manual_seed(step))
        adam.zero_grad()
        (theirs(x) - 1).square().mean().backward()
        adam.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_muon_steps_matrices_in_all_directions_alike() -> None:
    module = network()
    before = [p.detach().clone() for p in module.parameters()]
    descend(module, NetworkOptimizer(module.parameters(), 1e-3, muon=True), 1)
    for parameter, old in zip(module.parameters(), before, strict=True):
        assert not torch.equal(parameter, old)
    change = (module[0].weight.detach() - before[0]).flatten(1)
    scale = 1e-3 * 0.2 * max(change.shape) ** 0.5
    singular = torch.linalg.svdvals(change) / scale
    assert singular.max() < 1.3
    assert singular.median() > 0.5


@pytest.mark.parametrize("muon", [False, True])
def test_restored_moments_go_on_with_the_same_steps(muon: bool) -> None:
    whole = network()
    descend(whole, NetworkOptimizer(whole.parameters(), 1e-3, muon), 4)
    parts = network()
    before = NetworkOptimizer(parts.parameters(), 1e-3, muon)
    descend(parts, before, 2)
    after = NetworkOptimizer(parts.parameters(), 1e-3, muon)
    for parameter in parts.parameters():
        after.restore(parameter, {name: value.clone() for name, value in before.moments(parameter).items()})
    descend(parts, after, 2, first=2)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_moments_of_the_other_optimiser_are_left_out() -> None:
    module = network()
    adam = NetworkOptimizer(module.parameters(), 1e-3)
    descend(module, adam, 1)
    muon = NetworkOptimizer(module.parameters(), 1e-3, muon=True)
    for parameter in module.parameters():
        muon.restore(parameter, adam.moments(parameter))
    assert not muon.moments(module[0].weight)
    assert muon.moments(module[0].bias)


def test_matrices_of_one_shape_are_stepped_together_as_one_by_one() -> None:
    """To the rounding of bfloat16, in which both orthogonalise."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(16, 24), (16, 24), (48, 16), (16, 24), (32, 32)]
    together, alone = ([nn.Parameter(torch.zeros(shape)) for shape in shapes] for _ in range(2))
    ours = StackedMuon(together, 1e-3)
    theirs = torch.optim.Muon(alone, lr=1e-3, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for mine, other in zip(together, alone, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        ours.step()
        theirs.step()
    for mine, other in zip(together, alone, strict=True):
        assert torch.allclose(mine, other, atol=0.03 * other.detach().abs().max().item())
        assert torch.equal(ours.state[mine]["momentum_buffer"], theirs.state[other]["momentum_buffer"])
    ours.zero_grad()
    before = [parameter.detach().clone() for parameter in together]
    ours.step()
    assert all(map(torch.equal, together, before))
