"""The variance-preserving noise schedule: how much signal and how much noise each diffusion time holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from drivesim.errors import InputError


@dataclass(frozen=True, eq=False)
class Schedule:
    """Signal and noise of each diffusion time tau in [0, num_steps): `x_tau = alpha x0 + sigma noise`.

    Variance preserving, `alpha^2 + sigma^2 = 1`, and `log(alpha^2 / sigma^2)` falls strictly with tau (Video LDM,
    Sec. 2). It stays finite: neither alpha nor sigma is ever zero, and x0 follows from any prediction at any tau.

    log_snr_table: (num_steps,) float64 on the CPU.
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
    def cosine(cls, num_steps: int = 1000, shift: float = 1.0) -> Schedule:
        """The cosine schedule, its log-SNR lowered by `2 log(shift)` (Hoogeboom et al., 'simple diffusion', Eq. 3).

        shift: how many times larger the picture's side is than one for which the plain schedule (1.0) suits.
        """
        if shift <= 0:
            raise InputError(f"the shift of a noise schedule must be positive, got {shift}")
        time = (torch.arange(num_steps, dtype=torch.float64) + 0.5) / num_steps
        return cls(-2 * torch.log(torch.tan(time * math.pi / 2)) - 2 * math.log(shift))

    @classmethod
    def linear(cls, num_steps: int = 1000, beta_start: float = 0.0015, beta_end: float = 0.0195) -> Schedule:
        """The schedule of latent diffusion: betas whose square roots rise linearly (Rombach et al., 2022)."""
        if not 0 < beta_start <= beta_end < 1:
            raise InputError(f"betas must satisfy 0 < beta_start <= beta_end < 1, got {beta_start} and {beta_end}")
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, num_steps, dtype=torch.float64) ** 2
        log_alpha_squared = torch.log1p(-betas).cumsum(0)
        return cls(log_alpha_squared - torch.log(-torch.expm1(log_alpha_squared)))

    @property
    def num_steps(self) -> int:
        return len(self.log_snr_table)

    def alpha(self, tau: Tensor) -> Tensor:
        """The factor of the signal at each integer tau: float32, of tau's shape and device."""
        return _look_up(self._alpha_table, tau)

    def sigma(self, tau: Tensor) -> Tensor:
        """The standard deviation of the noise at each integer tau: float32, of tau's shape and device."""
        return _look_up(self._sigma_table, tau)

    def log_snr(self, tau: Tensor) -> Tensor:
        """`log(alpha^2 / sigma^2)` at each integer tau: float32, of tau's shape and device."""
        return _look_up(self.log_snr_table, tau)

    def diffuse(self, x0: Tensor, noise: Tensor, tau: Tensor) -> Tensor:
        """x0, noise: (b, ...); tau: (b,). Returns x_tau (b, ...), each sample at its own tau."""
        return expand_like(self.alpha(tau), x0) * x0 + expand_like(self.sigma(tau), x0) * noise


def expand_like(per_sample: Tensor, x: Tensor) -> Tensor:
    """(b,) as (b, 1, 1, ...), so that it broadcasts over the trailing axes of x: (b, ...)."""
    if per_sample.ndim != 1 or per_sample.shape[0] != x.shape[0]:
        shapes = f"({x.shape[0]},) for x {tuple(x.shape)}, got {tuple(per_sample.shape)}"
        raise ValueError(f"expected one tau a sample: {shapes}")
    return per_sample[(...,) + (None,) * (x.ndim - 1)]


def _look_up(table: Tensor, tau: Tensor) -> Tensor:
    if tau.is_floating_point():
        raise TypeError(f"tau must be of an integer type, got {tau.dtype}")
    values = table.to(tau.device, torch.float32)
    return values.index_select(0, tau.flatten()).reshape(tau.shape)  # unlike [], refuses a negative tau
