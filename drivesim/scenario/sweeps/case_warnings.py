"""Warnings about the cases of a sweep, grouped: one warning says in which cases it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drivesim.scenario.checks.plausibility import PlausibilityFinding
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.sweeps.expansion import Cases
from drivesim.scenario.text.problems import FieldPath
from drivesim.wording import as_ranges


@dataclass(frozen=True)
class CheckedCase:
    """A case of a sweep, and what is implausible about it nevertheless."""

    number: int
    scenario: Scenario
    warnings: tuple[PlausibilityFinding, ...]


def checked_cases(cases: Cases, numbers: Iterable[int]) -> Iterator[CheckedCase]:
    """Yields cases with their warnings; raises as `Cases` does if a case is invalid."""
    for number in numbers:
        scenario, found = cases.checked(number)
        yield CheckedCase(number, scenario, tuple(found))


def case_warnings(cases: Cases, checked: Sequence[CheckedCase]) -> list[tuple[FieldPath, str]]:
    """Returns the place in the swept file and the message of each kind of warning.

    Warnings with the same code and place are one kind. The message is that of the first case, with the numbers of all.
    """
    groups: dict[tuple[str, FieldPath], list[tuple[int, str]]] = {}
    for case in checked:
        for finding in case.warnings:
            place = cases.place_of(case.number, finding.path)
            groups.setdefault((finding.code, place), []).append((case.number, str(finding)))
    found = []
    for (_, place), members in groups.items():
        numbers = list(dict.fromkeys(number for number, _ in members))
        first, message = members[0]
        if len(checked) == 1:
            found.append((place, f"case {first}: {message}"))
            continue
        where = f"in {len(numbers)} of {len(checked)} cases ({as_ranges(numbers)})"
        found.append((place, f"{message}, as in case {first}; {where}" if len(numbers) > 1 else f"{message}; {where}"))
    return found
