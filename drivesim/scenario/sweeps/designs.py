"""Designs: how the values of a sweep are combined (grid, random, Latin hypercube, pairwise).

Everything random is a function of the sweep's key, the field and the position, by SHA-256, so it is the same on every
machine, with every version of every library, and in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, product
from typing import Any

import numpy as np

from drivesim.scenario.sweeps.distributions import Variation
from drivesim.scenario.sweeps.expressions import path_text
from drivesim.scenario.sweeps.sweep import Sweep

Values = tuple[Any, ...]
Admits = Callable[[Values], bool]

ROUNDS = 20
"""Random candidates that are tried against the constraints, in multiples of `count`."""
_COMPLETIONS = 50
"""Random rows that are tried for a pair of values before it counts as impossible."""


def combined(sweep: Sweep, admits: Admits) -> Iterator[Values]:
    """Yields the values of one case after another, in the order of `sweep.drawn`.

    Args:
        sweep: The sweep.
        admits: Says whether the constraints allow the values of a case; the others are left out.
    """
    kinds = list(sweep.drawn.values())
    if sweep.count is not None:
        yield from islice(filter(admits, _drawn(sweep, kinds, sweep.count)), sweep.count)
        return
    levels = [count for kind in kinds if (count := kind.num_levels) is not None]

    def values_of(row: Sequence[int]) -> Values:
        return tuple(kind.level(index) for kind, index in zip(kinds, row, strict=True))

    if sweep.method == "grid":
        yield from filter(admits, map(values_of, product(*map(range, levels))))
    else:
        yield from map(values_of, admitted_pairwise(levels, lambda row: admits(values_of(row)), sweep.key))


def _drawn(sweep: Sweep, kinds: list[Variation], count: int) -> Iterator[Values]:
    names = [path_text(path) for path in sweep.drawn]
    for start in range(0, ROUNDS * count, count):
        cases = range(start, start + count)
        orders = [_shuffled(sweep.key, name, cases) for name in names] if sweep.method == "latin_hypercube" else None
        for case in cases:
            positions = [position(sweep.key, name, case) for name in names]
            if orders is not None:
                strata = (order[case - start] for order in orders)
                positions = [
                    min((stratum + inside) / count, 1 - 2**-53)
                    for stratum, inside in zip(strata, positions, strict=True)
                ]
            yield tuple(kind.draw(place) for kind, place in zip(kinds, positions, strict=True))


def position(key: bytes, name: str, case: int) -> float:
    """Returns a number in (0, 1), uniformly distributed, that depends on the arguments alone."""
    digest = hashlib.sha256(key + f"{case} {name}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") // 2**12 + 0.5) / 2**52


def _shuffled(key: bytes, name: str, cases: range) -> list[int]:
    """Returns 0, 1, ... len(cases) - 1 in random order."""
    return sorted(range(len(cases)), key=lambda stratum: position(key, f"stratum {name}", cases.start + stratum))


def pairwise(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Returns rows in which every pair of values of two parameters occurs.

    The table grows in parameter order (Lei and Tai, 1998): parameters are added one by one, the largest first.

    Args:
        levels: Number of values of each parameter.
    """
    order = sorted(range(len(levels)), key=lambda parameter: -levels[parameter])
    sizes = [levels[parameter] for parameter in order]
    table = [list(row) for row in product(*map(range, sizes[:2]))]
    for column in range(2, len(sizes)):
        _grow(table, sizes[:column], sizes[column])
    return [tuple(row[order.index(parameter)] for parameter in range(len(levels))) for row in table]


def _grow(table: list[list[int]], sizes: list[int], new: int) -> None:
    """Adds a column of `new` values, and the rows that are needed to pair each of them with each earlier value."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    missing = np.ones((sum(sizes), new), bool)
    for number, row in enumerate(table):
        gains = missing[starts + row].sum(0)
        # Of equally good values the next one in turn is taken, so that all values occur equally often.
        value = max(range(new), key=lambda value: (gains[value], -((value - number) % new)))
        missing[starts + row, value] = False
        row.append(value)
    while missing.any():
        value = int(missing.any(0).argmax())
        row = []
        for start, size in zip(starts, sizes, strict=True):
            open_values = missing[start : start + size, value]
            row.append(int(open_values.argmax()) if open_values.any() else len(table) % size)
        missing[starts + row, value] = False
        table.append([*row, value])


def admitted_pairwise(
    levels: Sequence[int], admits: Callable[[tuple[int, ...]], bool], key: bytes
) -> Iterator[tuple[int, ...]]:
    """Yields the rows of `pairwise` that are admitted, then one more row for each pair that the others would cover.

    A pair for which none of `_COMPLETIONS` random rows is admitted counts as impossible.
    """
    missing: set[_Pair] = {
        (first, second, one, other)
        for first, second in combinations(range(len(levels)), 2)
        for one, other in product(range(levels[first]), range(levels[second]))
    }
    for row in pairwise(levels):
        if admits(row):
            missing -= _pairs(row)
            yield row
    for pair in sorted(missing):
        if pair in missing:
            for attempt in range(_COMPLETIONS):
                row = _completed(levels, pair, key, attempt)
                if admits(row):
                    missing -= _pairs(row)
                    yield row
                    break


def _completed(levels: Sequence[int], pair: _Pair, key: bytes, attempt: int) -> tuple[int, ...]:
    first, second, *values = pair
    row = [int(position(key, f"{pair} {parameter}", attempt) * size) for parameter, size in enumerate(levels)]
    row[first], row[second] = values
    return tuple(row)


_Pair = tuple[int, int, int, int]
"""Two parameters, and the value of each."""


def _pairs(row: Sequence[int]) -> set[_Pair]:
    return {(first, second, row[first], row[second]) for first, second in combinations(range(len(row)), 2)}
