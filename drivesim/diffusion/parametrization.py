"""What a network is asked to predict, and how x0 follows from its prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from drivesim.errors import InputError


class Parametrization(Protocol):
    """The two directions between a clean x0 and the prediction of a network; alpha and sigma broadcast to x0.

    `denoised` must be affine in the prediction: the weighting of the loss relies on it.
    """

    def target(self, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Returns what the network should predict at `x_tau = alpha x0 + sigma noise`."""
        ...

    def denoised(self, x_tau: Tensor, prediction: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Returns the x0 that a prediction at x_tau stands for."""
        ...


@dataclass(frozen=True)
class Epsilon:
    """The network predicts the noise (Video LDM, Eq. 1)."""

    def target(self, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return noise

    def denoised(self, x_tau: Tensor, prediction: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x_tau - sigma * prediction) / alpha


@dataclass(frozen=True)
class Velocity:
    """The network predicts `v = alpha noise - sigma x0` (Video LDM, Eq. 1; Salimans and Ho, 2022)."""

    def target(self, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha * noise - sigma * x0

    def denoised(self, x_tau: Tensor, prediction: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha * x_tau - sigma * prediction


@dataclass(frozen=True)
class Sample:
    """The network predicts x0 itself; for strong conditions and few steps, where the noise hardly matters."""

    def target(self, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return x0

    def denoised(self, x_tau: Tensor, prediction: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return prediction


def parametrization_named(name: str) -> Parametrization:
    """Returns the parametrization called `epsilon`, `velocity` or `sample`.

    Raises:
        InputError: The name is unknown.
    """
    match name:
        case "epsilon":
            return Epsilon()
        case "velocity":
            return Velocity()
        case "sample":
            return Sample()
    raise InputError(f"unknown parametrization {name!r}: use 'epsilon', 'velocity' or 'sample'")
