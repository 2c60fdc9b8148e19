"""How the values of a sweep are combined: grid, random, latin hypercube, pairwise.

Everything random is a function of (key of the sweep, field, position), by SHA-256: the same on every machine, with
every version of every library, in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, product
from typing import Any

import numpy as np

from drivesim.scenario.sweeps.distributions import Variation
from drivesim.scenario.sweeps.expressions import written
from drivesim.scenario.sweeps.sweep import Sweep

Values = tuple[Any, ...]
Admits = Callable[[Values], bool]

# Of random candidates, so many times `count` are tried against the constraints.
ROUNDS = 20
_COMPLETIONS = 50


def combined(sweep: Sweep, admits: Admits) -> Iterator[Values]:
    """Values of `sweep.drawn`, in its order, of one case after the other; only those that `admits` says yes to."""
    kinds = list(sweep.drawn.values())
    if sweep.method in ("grid", "pairwise"):
        levels = [kind.num_levels for kind in kinds]
        rows = product(*map(range, levels)) if sweep.method == "grid" else None

        def values_of(row: Sequence[int]) -> Values:
            return tuple(kind.level(index) for kind, index in zip(kinds, row, strict=True))

        if rows is None:
            rows = admitted_pairwise(levels, lambda row: admits(values_of(row)), sweep.key)
            yield from map(values_of, rows)
        else:
            yield from filter(admits, map(values_of, rows))
    else:
        yield from islice(filter(admits, _drawn(sweep, kinds)), sweep.count)


def _drawn(sweep: Sweep, kinds: list[Variation]) -> Iterator[Values]:
    names = [written(path) for path in sweep.drawn]
    for start in range(0, ROUNDS * sweep.count, sweep.count):
        cases = range(start, start + sweep.count)
        orders = [_shuffled(sweep.key, name, cases) for name in names] if sweep.method == "latin_hypercube" else None
        for case in cases:
            positions = [position(sweep.key, name, case) for name in names]
            if orders is not None:
                strata = (order[case - start] for order in orders)
                positions = [
                    min((stratum + inside) / sweep.count, 1 - 2**-53)
                    for stratum, inside in zip(strata, positions, strict=True)
                ]
            yield tuple(kind.draw(place) for kind, place in zip(kinds, positions, strict=True))


def position(key: bytes, name: str, case: int) -> float:
    """A number in (0, 1) that depends on its arguments alone, evenly distributed."""
    digest = hashlib.sha256(key + f"{case} {name}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") // 2**12 + 0.5) / 2**52


def _shuffled(key: bytes, name: str, cases: range) -> list[int]:
    """0, 1, ... len(cases) - 1 in random order."""
    return sorted(range(len(cases)), key=lambda stratum: position(key, f"stratum {name}", cases.start + stratum))


def pairwise(levels: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows in which every pair of values of two parameters occurs; `levels` is how many values each has.

    In-parameter-order growth (Lei and Tai, 1998): parameters are added one by one, largest first, to a growing table.
    """
    order = sorted(range(len(levels)), key=lambda parameter: -levels[parameter])
    sizes = [levels[parameter] for parameter in order]
    table = [list(row) for row in product(*map(range, sizes[:2]))]
    for column in range(2, len(sizes)):
        _grow(table, sizes[:column], sizes[column])
    return [tuple(row[order.index(parameter)] for parameter in range(len(levels))) for row in table]


def _grow(table: list[list[int]], sizes: list[int], new: int) -> None:
    """Adds a column of `new` values, and the rows that it takes to have each of them with each value before."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    missing = np.ones((sum(sizes), new), bool)
    for number, row in enumerate(table):
        gains = missing[starts + row].sum(0)
        # Among the best, those that come next in turn, so that all values are used alike.
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


def admitted_pairwise(levels: Sequence[int], admits: Callable[[tuple[int, ...]], bool], key: bytes) -> Iterator[tuple]:
    """The rows of `pairwise` that are admitted; then, for each pair that is lost with the others, one more row.

    A pair for which none of `_COMPLETIONS` random rows is admitted counts as impossible.
    """
    missing = {
        (first, second, *pair)
        for first, second in combinations(range(len(levels)), 2)
        for pair in product(range(levels[first]), range(levels[second]))
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


def _completed(levels: Sequence[int], pair: tuple, key: bytes, attempt: int) -> tuple[int, ...]:
    first, second, *values = pair
    row = [int(position(key, f"{pair} {parameter}", attempt) * size) for parameter, size in enumerate(levels)]
    row[first], row[second] = values
    return tuple(row)


def _pairs(row: Sequence[int]) -> set[tuple[int, int, int, int]]:
    return {(first, second, row[first], row[second]) for first, second in combinations(range(len(row)), 2)}
