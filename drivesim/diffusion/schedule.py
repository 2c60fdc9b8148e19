"""The variance-preserving noise schedule: how much signal and how much noise there is at each diffusion time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from drivesim.errors import InputError


@dataclass(frozen=True, eq=False)
class Schedule:
    """The signal and the noise at each diffusion time tau in [0, num_steps): `x_tau = alpha x0 + sigma noise`.

    The schedule preserves the variance, `alpha^2 + sigma^2 = 1`, and `log(alpha^2 / sigma^2)` falls strictly with tau
    (Video LDM, Sec. 2). It stays finite: neither alpha nor sigma is ever zero, so that x0 follows from any prediction
    at any tau.

    Attributes:
        log_snr_table: The logarithm of the signal-to-noise ratio at each tau, float64 `(num_steps,)`, on the CPU.

    Raises:
        InputError: The table is not a strictly falling list of at least two finite numbers.
    """

    log_snr_table: Tensor
    _alpha_table: Tensor = field(init=False, repr=False)
    _sigma_table: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        table = self.log_snr_table.detach().to("cpu", torch.float64)
        if table.ndim != 1 or len(table) < 2 or not table.isfinite().all() or not (table.diff() < 0).all():
            raise InputError(
                f"a noise schedule needs at least two finite, strictly falling log signal-to-noise ratios; got {table}"
            )
        object.__setattr__(self, "log_snr_table", table)
        object.__setattr__(self, "_alpha_table", table.sigmoid().sqrt())
        object.__setattr__(self, "_sigma_table", (-table).sigmoid().sqrt())

    @classmethod
    def cosine(cls, num_steps: int = 1000) -> Schedule:
        """Returns the cosine schedule (Nichol and Dhariwal, 2021; its log-SNR in Hoogeboom et al., 2023, Eq. 3)."""
        time = (torch.arange(num_steps, dtype=torch.float64) + 0.5) / num_steps
        return cls(-2 * torch.log(torch.tan(time * math.pi / 2)))

    @property
    def num_steps(self) -> int:
        """The number of diffusion times."""
        return len(self.log_snr_table)

    def alpha(self, tau: Tensor) -> Tensor:
        """Returns the factor of the signal at each integer tau: float32, with the shape and on the device of tau."""
        return _look_up(self._alpha_table, tau)

    def sigma(self, tau: Tensor) -> Tensor:
        """Returns the standard deviation of the noise at each integer tau: float32, shaped like tau, on its device."""
        return _look_up(self._sigma_table, tau)

    def log_snr(self, tau: Tensor) -> Tensor:
        """Returns `log(alpha^2 / sigma^2)` at each integer tau: float32, with the shape and on the device of tau."""
        return _look_up(self.log_snr_table, tau)

    def diffuse(self, x0: Tensor, noise: Tensor, tau: Tensor) -> Tensor:
        """Returns x_tau: clean samples `x0` `(b, ...)` with noise `(b, ...)`, each at its own tau `(b,)`."""
        return expand_like(self.alpha(tau), x0) * x0 + expand_like(self.sigma(tau), x0) * noise


def expand_like(per_sample: Tensor, x: Tensor) -> Tensor:
    """Returns `(b,)` as `(b, 1, 1, ...)`, so that it broadcasts over the trailing axes of `x` `(b, ...)`."""
    if per_sample.ndim != 1 or per_sample.shape[0] != x.shape[0]:
        shapes = f"({x.shape[0]},) for x {tuple(x.shape)}, got {tuple(per_sample.shape)}"
        raise ValueError(f"expected one tau per sample: {shapes}")
    return per_sample[(...,) + (None,) * (x.ndim - 1)]


def _look_up(table: Tensor, tau: Tensor) -> Tensor:
    if tau.is_floating_point():
        raise TypeError(f"tau must be of an integer type, got {tau.dtype}")
    values = table.to(tau.device, torch.float32)
    return values.index_select(0, tau.flatten()).reshape(tau.shape)  # unlike [], refuses a negative tau
