"""The exponential moving average of trained parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from drivesim.training.loop.sharding import part


class MovingAverage:
    """Averages of named parameters, or of the parts of them that this process holds.

    Young averages forget faster, so that early samples are not only noise.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.average: dict[str, Tensor] = {name: part(p).clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Updates the averages after the optimiser step number `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages = list(self.average.values())
        torch._foreach_lerp_(averages, [part(p) for p in self.parameters.values()], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Gives the network the averaged parameters within the block."""
        trained = {name: part(p).clone() for name, p in self.parameters.items()}
        self._assign(self.average)
        try:
            yield
        finally:
            self._assign(trained)

    @torch.no_grad()
    def _assign(self, values: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            part(parameter).copy_(values[name])
