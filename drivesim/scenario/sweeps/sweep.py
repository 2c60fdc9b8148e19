"""The `sweep` of a scenario file: which fields vary, how they are combined, and which constraints hold."""

from __future__ import annotations

import hashlib
import json
import math
from itertools import combinations
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from drivesim.scenario.schema.strict import InvalidFieldsError, StrictModel
from drivesim.scenario.sweeps.distributions import Variation
from drivesim.scenario.sweeps.expressions import Expression, parse_path
from drivesim.scenario.text.problems import FieldPath

MAX_CASES = 10_000
MAX_PARAMETERS = 32
MAX_CONSTRAINTS = 32
MAX_PAIRS = 10_000

KEY = "[key]"
"""The last step of a path that means the key of a mapping instead of its value."""
_FIXED = ("format", "name", "futures", "coords", "sweep")
"""Fields that are the same in every case."""


def _a_field(text: str) -> str:
    path = parse_path(text)
    if path[0] in _FIXED:
        raise ValueError(f"`{path[0]}` is the same in every case and cannot vary")
    return text


def _an_expression(text: str) -> str:
    Expression.parse(text)
    return text


class Sweep(StrictModel):
    """Many concrete scenarios in one file: the fields that vary, and how their values are combined."""

    method: Literal["grid", "random", "latin_hypercube", "pairwise"] = Field(
        description="grid: every combination; random: independent draws; latin_hypercube: draws that fill each range "
        "evenly; pairwise: a small set of cases in which every pair of values of two fields occurs."
    )
    count: int | None = Field(
        default=None, ge=1, le=MAX_CASES, description="Number of cases, for random and latin_hypercube."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the draws.")
    vary: dict[Annotated[str, AfterValidator(_a_field)], Variation] = Field(
        min_length=1,
        max_length=MAX_PARAMETERS,
        description="Fields that vary, by path, such as `time_of_day` or `boxes[0].xyxy[2]`, each with its values.",
    )
    where: Annotated[tuple[Annotated[str, AfterValidator(_an_expression)], ...], Field(strict=False)] = Field(
        default=(),
        max_length=MAX_CONSTRAINTS,
        description="Expressions that are true in every case, such as `boxes[0].xyxy[2] - boxes[0].xyxy[0] >= 40`.",
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Sweep:
        if problems := [*self._overlaps(), *self._misplaced_formulas()] or [*self._count_problems()]:
            raise InvalidFieldsError(problems)
        return self

    @property
    def drawn(self) -> dict[FieldPath, Variation]:
        """The fields whose values are drawn, ordered by path, so that the order of keys in the file does not matter."""
        return {parse_path(text): self.vary[text] for text in sorted(self.vary) if self.vary[text].equals is None}

    @property
    def formulas(self) -> dict[FieldPath, str]:
        """The fields that follow from others, with their expressions."""
        return {parse_path(text): kind.equals for text, kind in self.vary.items() if kind.equals is not None}

    @property
    def key(self) -> bytes:
        """A digest of everything that draws depend on; `count` and `where` only choose among the draws."""
        content = self.model_dump(mode="json", include={"method", "seed", "vary"}, exclude_none=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()

    def _overlaps(self) -> list[tuple[FieldPath, str]]:
        paths = {text: parse_path(text) for text in self.vary}
        return [
            (("vary", second, KEY), f"`{second}` and `{first}` overlap; vary one of them")
            for first, second in combinations(paths, 2)
            if _overlap(paths[first], paths[second])
        ]

    def _misplaced_formulas(self) -> list[tuple[FieldPath, str]]:
        return [
            (("vary", text, "equals"), f"`equals` uses `{other}`, which is a formula itself")
            for text, kind in self.vary.items()
            if kind.equals is not None
            for other, follows in self.vary.items()
            if follows.equals is not None
            and any(_overlap(used, parse_path(other)) for used in Expression.parse(kind.equals).fields)
        ]

    def _count_problems(self) -> list[tuple[FieldPath, str]]:
        if self.method in ("random", "latin_hypercube"):
            return [] if self.count is not None else [(("method",), f"`{self.method}` needs `count`")]
        problems: list[tuple[FieldPath, str]] = []
        if self.count is not None:
            problems.append((("count",), f"`count`: `{self.method}` has as many cases as its values give; remove it"))
        levels: list[int] = []
        for text, kind in self.vary.items():
            if kind.equals is not None:
                continue
            if kind.num_levels is None:
                message = f"`{text}`: `{self.method}` needs `levels`, the number of values to take"
                problems.append((("vary", text), message))
            else:
                levels.append(kind.num_levels)
        if problems:
            return problems
        if self.method == "grid" and math.prod(levels) > MAX_CASES:
            return [(("vary",), f"expected at most {MAX_CASES} combinations, got {_counted(math.prod(levels))}")]
        pairs = sum(first * second for first, second in combinations(levels, 2))
        if self.method == "pairwise" and max(pairs, *levels, 0) > MAX_PAIRS:
            return [(("vary",), f"expected at most {MAX_PAIRS} pairs of values, got {_counted(max(pairs, *levels))}")]
        return []


def _overlap(first: FieldPath, second: FieldPath) -> bool:
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _counted(number: int) -> str:
    return str(number) if number < 10**9 else f"{number:.1e}"
