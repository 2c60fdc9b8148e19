"""The values of one field of a sweep: a choice, a range or distribution of numbers, or an expression of others."""

from __future__ import annotations

from statistics import NormalDist
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel
from drivesim.scenario.sweeps.expressions import Expression
from drivesim.scenario.text.problems import FieldPath

MAX_LEVELS = 10_000
_KINDS = ("choice", "uniform", "normal", "integer", "equals")
_SIGNIFICANT_DIGITS = 7
"""Values are rounded, so that they are the same on machines whose logarithms differ, and files stay readable."""
_LEAST_TRUNCATED_MASS = 1e-4
"""At least this much of a normal distribution must lie within its bounds."""

Bounds = Annotated[tuple[float, ...], Field(strict=False, min_length=2, max_length=2)]


class Variation(StrictModel):
    """The values of one field: exactly one of `choice`, `uniform`, `normal`, `integer` and `equals`."""

    choice: Annotated[tuple[Any, ...], Field(strict=False, min_length=1, max_length=MAX_LEVELS)] | None = Field(
        default=None, description="One of these values, all equally likely; a value may be null or a list."
    )
    uniform: Bounds | None = Field(
        default=None, description="[low, high]: a uniform distribution of numbers between these bounds."
    )
    normal: Bounds | None = Field(default=None, description="[mean, standard deviation] of a normal distribution.")
    within: Bounds | None = Field(default=None, description="[low, high]: bounds to which `normal` is truncated.")
    integer: Annotated[tuple[int, ...], Field(strict=False, min_length=2, max_length=2)] | None = Field(
        default=None, description="[low, high]: a whole number between these bounds, both included."
    )
    equals: str | None = Field(
        default=None, min_length=1, description="An expression of other fields, such as `boxes[0].xyxy[0] + 120`."
    )
    levels: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LEVELS,
        description="Number of different values to take, evenly spaced (by probability for `normal`); grid and "
        "pairwise need it for `uniform` and `normal`.",
    )

    @field_validator("equals")
    @classmethod
    def _an_expression(cls, equals: str | None) -> str | None:
        if equals is not None:
            Expression.parse(equals)
        return equals

    @model_validator(mode="after")
    def _fields_fit(self) -> Variation:
        problems: list[tuple[FieldPath, str]] = []
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(f"`{kind}`" for kind in given) or "none of them"
            expected = ", ".join(f"`{kind}`" for kind in _KINDS)
            problems.append(((), f"expected exactly one of {expected}, got {found}"))
        for name in ("uniform", "integer", "within"):
            bounds = getattr(self, name)
            if bounds is not None and not bounds[0] < bounds[1]:
                message = f"`{name}`: expected low < high, got low = {bounds[0]:g} and high = {bounds[1]:g}"
                problems.append(((name,), message))
        if self.normal is not None and self.normal[1] <= 0:
            message = f"`normal`: expected a standard deviation above 0, got {self.normal[1]:g}"
            problems.append((("normal",), message))
        if self.within is not None and self.normal is None:
            problems.append((("within",), "`within` truncates `normal`, which is not given"))
        if self.levels is not None and given in (["choice"], ["equals"]):
            problems.append((("levels",), f"`levels` means nothing to `{given[0]}`"))
        if not problems and self.normal is not None and self._mass()[1] - self._mass()[0] < _LEAST_TRUNCATED_MASS:
            problems.append((("within",), "`within`: nearly nothing of the normal distribution lies there"))
        if problems:
            raise InvalidFieldsError(problems)
        return self

    @property
    def num_levels(self) -> int | None:
        """The number of different values, or None if the values are continuous."""
        if self.choice is not None:
            return len(self.choice)
        if self.integer is not None:
            whole = self.integer[1] - self.integer[0] + 1
            return whole if self.levels is None else min(whole, self.levels)
        return self.levels

    def level(self, index: int) -> Any:
        """Returns value `index` of `num_levels` values, in ascending order or in that of `choice`."""
        if self.choice is not None:
            return self.choice[index]
        count = self.num_levels
        assert count is not None, "continuous values have no levels"
        if self.normal is not None:
            return self._continuous((index + 0.5) / count)
        fraction = 0.5 if count == 1 else index / (count - 1)
        if self.integer is not None:
            low, high = self.integer
            return low + (round(fraction * (high - low)) if self.levels else index)
        return self._continuous(fraction)

    def draw(self, position: float) -> Any:
        """Returns the value at a position of [0, 1) in the distribution, by its inverse cumulative function."""
        count = self.num_levels
        return self._continuous(position) if count is None else self.level(min(count - 1, int(position * count)))

    def extremes(self) -> tuple[Any, ...]:
        """Returns values that are in range only if all values are; of a choice, all of them."""
        if self.choice is not None:
            return self.choice
        bounds = self.integer or self.uniform or self.within
        return tuple(bounds) if bounds else (self._normal.mean,)

    def _continuous(self, position: float) -> float:
        if self.uniform is not None:
            low, high = self.uniform
            return min(max(_rounded(low * (1 - position) + high * position), low), high)
        below, above = self._mass()
        middle = min(max(below + position * (above - below), 1e-12), 1 - 1e-12)
        value = _rounded(self._normal.inv_cdf(middle))
        low, high = self.within or (value, value)
        return min(max(value, low), high)

    def _mass(self) -> tuple[float, float]:
        """Returns the part of the normal distribution that lies below each bound."""
        if self.within is None:
            return 0.0, 1.0
        return self._normal.cdf(self.within[0]), self._normal.cdf(self.within[1])

    @property
    def _normal(self) -> NormalDist:
        assert self.normal is not None, "`normal` is the only kind left"
        return NormalDist(*self.normal)


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
