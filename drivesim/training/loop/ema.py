"""The exponential moving average of trained parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Averages of named parameters. Young averages forget faster, so that early samples are not only noise."""

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.average: dict[str, Tensor] = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Updates the averages after the optimiser step number `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages = list(self.average.values())
        torch._foreach_lerp_(averages, [p.detach() for p in self.parameters.values()], 1 - decay)

    @contextmanager
    def applied(self, others: dict[str, Tensor] | None = None) -> Iterator[None]:
        """Gives the network the averaged parameters, or `others` by name, within the block."""
        trained = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._assign(self.average if others is None else others)
        try:
            yield
        finally:
            self._assign(trained)

    @torch.no_grad()
    def _assign(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(values[name])
