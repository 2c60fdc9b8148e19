"""The optimiser of a network: AdamW, or Muon for its matrices and AdamW for the other parameters."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from drivesim.training.loop.muon import StackedMuon
from drivesim.training.loop.sharding import mesh_of, part

_SMALLEST_SIDE = 16  # of a matrix worth orthogonalising; output layers and gates are smaller


class NetworkOptimizer:
    """Optimises the parameters of one network.

    Muon (Jordan et al., 2024) turns the momentum of every weight matrix into the nearest orthogonal one; convolutions
    are matrices `out (in h w)`. Its learning rate is on AdamW's scale (Liu et al., 2025, "Muon is Scalable").

    Of sharded parameters (`drivesim.training.loop.sharding`) it steps the parts that this process holds.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, muon: bool = False, momentum: float = 0.9
    ) -> None:
        parameters = list(parameters)
        self._matrices = {p for p in parameters if muon and _is_matrix(p)}
        self._stepped = {
            p: nn.Parameter(self._view(p)) for p in parameters if p in self._matrices or mesh_of(p) is not None
        }
        rest = [self._stepped.get(p, p) for p in parameters if p not in self._matrices]
        self._optimizers: list[torch.optim.Optimizer] = []
        if rest:
            adam = torch.optim.AdamW(rest, lr=learning_rate, betas=(momentum, 0.99), weight_decay=0.0, fused=True)
            self._optimizers.append(adam)
        matrices = [p for p in parameters if p in self._matrices]
        if matrices:
            stepped, num_rows = [self._stepped[p] for p in matrices], [len(p) for p in matrices]
            self._optimizers.append(StackedMuon(stepped, learning_rate, num_rows=num_rows, mesh=mesh_of(matrices[0])))
        self._owner = {p: optimizer for optimizer in self._optimizers for p in optimizer.param_groups[0]["params"]}

    def zero_grad(self) -> None:
        """Resets all gradients."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        for parameter in self._stepped:
            parameter.grad = None

    def step(self, learning_rate: float) -> None:
        """Takes one step along the gradients."""
        for parameter, stepped in self._stepped.items():
            stepped.data = self._view(parameter)
            stepped.grad = None if parameter.grad is None else part(parameter.grad).reshape(stepped.shape)
        for optimizer in self._optimizers:
            optimizer.param_groups[0]["lr"] = learning_rate
            optimizer.step()

    def moments(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Returns the moments of the gradients of a parameter by name; empty before the first step."""
        stepped = self._stepped.get(parameter, parameter)
        moments: dict[str, Tensor] = self._owner[stepped].state.get(stepped, {})
        return moments

    def restore(self, parameter: nn.Parameter, moments: dict[str, Tensor]) -> None:
        """Restores moments; those of the other kind of optimiser are left out."""
        stepped = self._stepped.get(parameter, parameter)
        if ("momentum_buffer" in moments) == (parameter in self._matrices) and moments:
            self._owner[stepped].state[stepped] = moments

    def _view(self, parameter: nn.Parameter) -> Tensor:
        """The part of a parameter that this process holds, as a matrix if Muon steps it: the same memory."""
        held = part(parameter)
        return held.view(len(held), parameter.shape[1:].numel()) if parameter in self._matrices else held


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and min(len(parameter), parameter.shape[1:].numel()) >= _SMALLEST_SIDE
