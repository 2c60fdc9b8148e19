"""Numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, such as `1 future` or `2 futures`; `plural` is for nouns that take no `s`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def as_ranges(numbers: Sequence[int], most: int = 12) -> str:
    """Returns ascending numbers in short, such as `0, 3..7, 12`; after `most` numbers and ranges, `...` stands."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    texts = [str(first) if first == last else f"{first}..{last}" for first, last in ranges]
    return ", ".join(texts[:most] + ["..."] * (len(texts) > most))
