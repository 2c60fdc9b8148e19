"""Averages of parameters over a power of time, whose length can be chosen after the training.

Karras et al., 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", Sec. 3 and App. C. After t
steps, the parameters of step s have the weight `(g + 1) s^g / t^(g + 1)`: unlike that of an exponential average, this
profile grows with the training. Its length is the standard deviation of the profile as a fraction of t. An average of
another length is a linear combination of averages that were kept: the one whose profile is closest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.training.loop.sharding import gathered_like, part, part_like

LENGTHS = (0.05, 0.1)
"""The lengths of the averages that a training keeps: from these two, averages between 0.03 and 0.25 can be made."""


@dataclass(frozen=True)
class Profile:
    """The weights of all steps in an average.

    Attributes:
        length: Standard deviation of the profile, as a fraction of `steps`.
        steps: Number of steps that are averaged over.
    """

    length: float
    steps: float

    @property
    def exponent(self) -> float:
        """The exponent g of the profile: the solution of `length^2 = (g + 1) / ((g + 2)^2 (g + 3))`."""
        inverse = self.length**-2
        return float(np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse]).real.max())


def overlap(first: Profile, second: Profile) -> float:
    """Returns the integral of the product of two profiles over time."""
    shorter, longer = sorted((first, second), key=lambda profile: profile.steps)
    a, b = shorter.exponent, longer.exponent
    return (a + 1) * (b + 1) / (a + b + 1) / longer.steps * (shorter.steps / longer.steps) ** b


def combination(kept: Sequence[Profile], wanted: Profile) -> tuple[np.ndarray, float]:
    """Returns the factors of the kept averages whose sum comes closest to a wanted one.

    Args:
        kept: Profiles of the averages that were kept, `n`.
        wanted: Profile of the average that is wanted.

    Returns:
        The factors, `n`, and the squared distance of the profiles as a fraction of the wanted one's square.
    """
    products = np.array([[overlap(first, second) for second in kept] for first in kept])
    along = np.array([overlap(profile, wanted) for profile in kept])
    factors = np.linalg.lstsq(products, along, rcond=1e-10)[0]
    square = overlap(wanted, wanted)
    missing = square - 2 * factors @ along + factors @ products @ factors
    return factors, float(max(0.0, missing / square))


class PowerAverage:
    """A power-function average of named parameters, or of the parts of them that this process holds.

    Attributes:
        length: Length of the average, see `Profile`.
        average: The averages by name.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], length: float) -> None:
        self.length, self._parameters = length, parameters
        self._exponent = Profile(length, 1).exponent
        self.average: dict[str, Tensor] = {name: part(p).clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Includes the present parameters, which are those after `steps` steps of the average, from 1."""
        kept = (1 - 1 / steps) ** (self._exponent + 1)
        averages = list(self.average.values())
        torch._foreach_lerp_(averages, [part(p) for p in self._parameters.values()], 1 - kept)

    def whole(self) -> dict[str, Tensor]:
        """Returns the averages by name; parts are gathered, which all processes do together."""
        return {name: gathered_like(value, self._parameters[name]) for name, value in self.average.items()}

    @torch.no_grad()
    def restore(self, whole: dict[str, Tensor]) -> None:
        """Restores what `whole` returned. Raises KeyError or RuntimeError if names or shapes do not fit."""
        for name, value in self.average.items():
            value.copy_(part_like(whole[name], self._parameters[name]))


class PowerAverages:
    """The averages that a training keeps, and their place in its state.

    Attributes:
        begun: The step of the training at which they began.
        averages: One average for each of `LENGTHS`.
    """

    _BEGUN = "power_average/begun"

    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        self.begun = 0
        self.averages = tuple(PowerAverage(parameters, length) for length in LENGTHS)

    def update(self, step: int) -> None:
        """Includes the parameters after step number `step` of the training, counted from 0."""
        for average in self.averages:
            average.update(step + 1 - self.begun)

    def begin(self, step: int) -> None:
        """Forgets everything before a step of the training: the first parameters to count are those after it."""
        self.begun = step

    def tensors(self) -> dict[str, Tensor]:
        """Returns the state as whole tensors by name, see `PowerAverage.whole`."""
        named = {_prefix(a) + name: value for a in self.averages for name, value in a.whole().items()}
        return {self._BEGUN: torch.tensor(self.begun), **named}

    def restore(self, tensors: dict[str, Tensor]) -> bool:
        """Restores what `tensors` returned. Returns False if it is missing: earlier versions kept no such averages."""
        if self._BEGUN not in tensors:
            return False
        self.begun = int(tensors[self._BEGUN])
        for average in self.averages:
            average.restore({name: tensors[_prefix(average) + name] for name in average.average})
        return True


def _prefix(average: PowerAverage) -> str:
    return f"power_average/{average.length}/"
