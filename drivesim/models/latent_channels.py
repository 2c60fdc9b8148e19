"""Which parameters of a network depend on the number of latent channels: the networks say so themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

PER_CHANNEL = None
"""In `LatentAxis.parts`: one entry per latent channel."""


@dataclass(frozen=True)
class LatentAxis:
    """How the axis of a parameter is made up whose length follows from the number of latent channels.

    Attributes:
        axis: Index of the axis.
        parts: The blocks along the axis, in order: a number of entries, or `PER_CHANNEL`.
        keeps_initial: Whether entries of new channels keep the network's own initial values. Otherwise they are zero,
            so that new channels have no effect at first.
    """

    axis: int
    parts: tuple[int | None, ...]
    keeps_initial: bool = False

    def lengths(self, latent_channels: int) -> list[int]:
        """Returns the length of each block for this number of latent channels."""
        return [latent_channels if part is None else part for part in self.parts]


@runtime_checkable
class LatentSized(Protocol):
    """A module some of whose own parameters depend on the number of latent channels."""

    def latent_axes(self) -> dict[str, LatentAxis]:
        """Returns the axis of each such parameter or buffer, by its name within the module."""
        ...


def latent_axes(network: nn.Module) -> dict[str, LatentAxis]:
    """Returns the axes of all parameters of a network that depend on its number of latent channels, by full name."""
    return {
        f"{path}.{name}" if path else name: axis
        for path, module in network.named_modules()
        if isinstance(module, LatentSized)
        for name, axis in module.latent_axes().items()
    }
