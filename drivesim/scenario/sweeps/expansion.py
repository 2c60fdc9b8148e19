"""The concrete scenarios, called cases, of a scenario with a `sweep`.

Case n depends on the file and on n alone. It is a scenario like any other: saved to its own file (`scenario.save`),
it is the same scenario and gives the same futures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, overload

from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.checks.plausibility import PlausibilityFinding, findings
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.real_frame import check_real_frame
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.strict import InvalidFieldsError
from drivesim.scenario.sweeps.designs import ROUNDS, combined
from drivesim.scenario.sweeps.expressions import Expression, ExpressionError, field_at, parse_path, path_text
from drivesim.scenario.sweeps.sweep import KEY, Sweep
from drivesim.scenario.text.problems import FieldPath, clipped, shown

MAX_NAME = 59
"""Largest length of the name of a sweep; each case appends five characters."""

_FIRST_CASES, _FIRST_CANDIDATES = 4, 200
"""Cases, and candidates of cases, that are checked when a file is loaded."""
_SIGNIFICANT_DIGITS = 12
"""Results of formulas are rounded to so many digits."""
_EXTREMES = 500
"""Single values that are checked when a file is loaded."""

_MAX_WORK = 10_000_000
"""Parts of expressions that are computed for candidates that `where` refuses: some seconds, and the same everywhere."""
_WORK_PER_FIELD = 100
"""A value that is drawn takes as long as so many parts of an expression."""

Assignment = dict[FieldPath, Any]
"""Values that a case sets, by the path of their field."""

_AsError = Callable[[list[tuple[FieldPath, str]]], Exception]


class Cases(Sequence[Scenario]):
    """The concrete scenarios of a scenario, in order; a scenario without a sweep is its own only case.

    Getting a case raises IndexError if there is no such case, and the error of `error` if the case is invalid.

    Args:
        scenario: The scenario.
        folder: Folder in which a varied `first_frame` is looked for.
        error: Makes the error from its problems, as InvalidFieldsError has them.
    """

    def __init__(self, scenario: Scenario, folder: Path | None = None, error: _AsError = InvalidFieldsError) -> None:
        self.scenario = scenario
        self.folder = folder or Path()
        self._error = error
        sweep = scenario.sweep
        self._said = scenario.model_dump(exclude_unset=True, exclude={"sweep"})
        self._whole = scenario.model_dump(exclude={"sweep"})
        self._drawn = tuple(sweep.drawn) if sweep else ()
        self._formulas = {path: Expression.parse(text) for path, text in sweep.formulas.items()} if sweep else {}
        self._where = [Expression.parse(text) for text in sweep.where] if sweep else []

    def __len__(self) -> int:
        return len(self.assignments)

    @overload
    def __getitem__(self, index: int) -> Scenario: ...
    @overload
    def __getitem__(self, index: slice) -> list[Scenario]: ...
    def __getitem__(self, index: int | slice) -> Scenario | list[Scenario]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self.checked(index)[0]

    def checked(self, index: int) -> tuple[Scenario, list[PlausibilityFinding]]:
        """Returns a case and the warnings about it; raises as getting the case does."""
        if not 0 <= index < len(self):
            raise IndexError(f"expected a case of 0..{len(self) - 1}, got {index}")
        return self._case(index, self.assignments[index])

    @cached_property
    def assignments(self) -> tuple[Assignment, ...]:
        """The values that each case sets; raises an error if the constraints leave fewer cases than are asked for."""
        assignments, sweep = tuple(self._assignments()), self.scenario.sweep
        if sweep is None:
            return assignments
        expected = sweep.count or 1
        if len(assignments) < expected:
            tried = f"of {ROUNDS * sweep.count} draws" if sweep.count else "of all combinations"
            message = f"expected {expected} cases that fulfil `where`, got {len(assignments)} {tried}"
            raise self._error([(("sweep", "where"), message)])
        return assignments

    def settings(self, index: int) -> dict[str, Any]:
        """Returns the values that a case sets, by the text of their field's path."""
        return {path_text(path): value for path, value in self.assignments[index].items()}

    def problems(self) -> list[tuple[FieldPath, str]]:
        """Returns the problems that are found in a moment: values out of range, and those of the first few cases."""
        sweep = self.scenario.sweep
        if sweep is None:
            return []
        if len(self.scenario.name) > MAX_NAME:
            length = len(self.scenario.name)
            return [(("name",), f"`name`: expected at most {MAX_NAME} characters in a sweep, got {length}")]
        if found := [*self._values_out_of_range(sweep)]:
            return found
        try:
            found_any = False
            for index, assignment in enumerate(islice(self._assignments(_FIRST_CANDIDATES), _FIRST_CASES)):
                self._case(index, assignment)
                found_any = True
            if not found_any and _has_few_candidates(sweep):
                return [(("sweep", "where"), "expected 1 cases that fulfil `where`, got 0 of all combinations")]
        except InvalidFieldsError as error:
            return error.problems
        return []

    def _assignments(self, most: int | None = None) -> Iterator[Assignment]:
        """Yields the values that the cases set; `most` ends the search after this many candidates."""
        if self.scenario.sweep is None:
            yield {}
            return
        tried = num_admitted = 0
        expressions = (*self._formulas.values(), *self._where)
        work = _WORK_PER_FIELD * len(self._drawn) + sum(expression.num_parts for expression in expressions)

        def admits(values: Sequence[Any]) -> bool:
            nonlocal tried
            tried += 1
            if most is not None and tried > most:
                raise _EnoughError
            if (tried - num_admitted) * work > _MAX_WORK:
                raise self._error([(("sweep", "where"), _too_much_work(tried, num_admitted))])
            document = self._whole
            for path, value in self._with_formulas(dict(zip(self._drawn, values, strict=True))).items():
                document = _with(document, path, value)
            return all(self._holds(number, document) for number in range(len(self._where)))

        try:
            for values in combined(self.scenario.sweep, admits):
                num_admitted += 1
                yield self._with_formulas(dict(zip(self._drawn, values, strict=True)))
        except _EnoughError:
            return

    def _with_formulas(self, assignment: Assignment) -> Assignment:
        if not self._formulas:
            return assignment
        document = self._whole
        for path, value in assignment.items():
            document = _with(document, path, value)
        results = dict(assignment)
        for path, formula in self._formulas.items():
            try:
                results[path] = _rounded(formula.value(document))
            except ExpressionError as error:
                raise self._error([((*self._vary(path), "equals"), f"`{path_text(path)}`: {error}")]) from None
        return results

    def _holds(self, number: int, document: Mapping[str, Any]) -> bool:
        try:
            return self._where[number].holds(document)
        except ExpressionError as error:
            raise self._error([(("sweep", "where", number), f"`{self._where[number].text}`: {error}")]) from None

    def _case(self, index: int, assignment: Assignment) -> tuple[Scenario, list[PlausibilityFinding]]:
        sweep = self.scenario.sweep
        if sweep is None:
            return self.scenario, [finding for finding in findings(self.scenario) if not finding.stops]
        document = {**self._said, "name": f"{self.scenario.name}_{index:04d}"}
        for path, value in assignment.items():
            document = _with(document, path, value)
        try:
            case = Scenario.model_validate(document)
            if ("first_frame",) in assignment and case.first_frame is not None:
                frame = str((self.folder / case.first_frame).absolute())
                check_real_frame(frame, case.fit)
                case = case.model_copy(update={"first_frame": frame})
        except ValidationError as error:
            raise self._error([self._blamed(index, assignment, *misfit) for misfit in misfits(error)]) from None
        except InputError as error:
            raise self._error([self._blamed(index, assignment, ("first_frame",), str(error))]) from None
        found = findings(case)
        if stopping := [finding for finding in found if finding.stops]:
            raise self._error([self._blamed(index, assignment, finding.path, str(finding)) for finding in stopping])
        return case, found

    def _blamed(self, index: int, assignment: Assignment, path: FieldPath, message: str) -> tuple[FieldPath, str]:
        """Returns the place in the swept file that a problem of a case comes from, and its message there."""
        place, near = self._origin(assignment, path)
        settings = ", ".join(f"{path_text(other)} = {shown(assignment[other])}" for other in near or assignment)
        return place, f"case {index} ({settings}): {message}"

    def place_of(self, index: int, path: FieldPath) -> FieldPath:
        """Returns the place in the swept file that the value at `path` of a case comes from."""
        return self._origin(self.assignments[index], path)[0]

    def _origin(self, assignment: Assignment, path: FieldPath) -> tuple[FieldPath, list[FieldPath]]:
        """Returns the place that a value comes from, and the varied fields that it holds or is part of."""
        path = path[:-1] if path[-1:] == (KEY,) else path
        shared = {other: min(len(other), len(path)) for other in assignment}
        near = [other for other, length in shared.items() if other[:length] == path[:length]]
        return (self._vary(near[0]) if near else path), near

    def _values_out_of_range(self, sweep: Sweep) -> Iterator[tuple[FieldPath, str]]:
        """Yields values that their field never takes, whatever the others are, by trying one field at a time."""
        for text in sweep.vary:
            try:
                _with(self._whole, parse_path(text), None)
            except ExpressionError as error:
                yield ("sweep", "vary", text, KEY), f"`{clipped(text)}`: {error}"
                return
        checked = 0
        for path, kind in sweep.drawn.items():
            for number, value in enumerate(kind.extremes()):
                checked += 1
                if checked > _EXTREMES:
                    return
                found = self._misfit_alone(path, value)
                if found is None:
                    continue
                place, message = found
                given = ("choice", number) if kind.choice is not None and place != KEY else ()
                yield (*self._vary(path), *((KEY,) if place == KEY else given)), message
                break

    def _misfit_alone(self, path: FieldPath, value: Any) -> tuple[str, str] | None:
        """Returns what is wrong with a value in a scenario that has nothing but the field, or list entry, at `path`."""
        first = str(path[0])
        said = {key: self._said[key] for key in ("format", "name", first) if key in self._said}
        if len(path) > 1 and isinstance(path[1], int):
            said[first] = (said[first][path[1]],)
            path = (first, 0, *path[2:])
        try:
            Scenario.model_validate(_with(said, path, value))
        except ValidationError as error:
            for found, message in misfits(error):
                if found == (*path, KEY):
                    return KEY, message
                if found[: len(path)] == path and message.removeprefix(f"`{path[-1]}`: ").startswith("expected"):
                    return "", message
        return None

    def _vary(self, path: FieldPath) -> FieldPath:
        """Returns the place of a varied field in the swept file."""
        varied = self.scenario.sweep.vary if self.scenario.sweep else {}
        return ("sweep", "vary", next(text for text in varied if parse_path(text) == path))


def _too_much_work(tried: int, num_admitted: int) -> str:
    return (
        f"only {num_admitted} of the first {tried} candidates fulfil `where`, and with so many fields and such long "
        "expressions no more are tried; loosen or shorten the constraints, or ask for fewer cases"
    )


class _EnoughError(Exception):
    """Enough candidates have been tried."""


def _rounded(value: Any) -> Any:
    """Returns a float without the noise of its last digits, so that 6.537509999999999 is 6.53751."""
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


def _has_few_candidates(sweep: Sweep) -> bool:
    """Returns whether the first candidates are all that there are."""
    counts = [kind.num_levels or _FIRST_CANDIDATES + 1 for kind in sweep.drawn.values()]
    return not sweep.count and math.prod(counts) <= _FIRST_CANDIDATES


def _with(document: Any, path: FieldPath, value: Any) -> Any:
    """Returns a copy of plain data with another value at `path`; it makes missing mappings but no list entries."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        field_at(document, (step,))
        return (*document[:step], _with(document[step], rest, value), *document[step + 1 :])
    if document is not None and not isinstance(document, Mapping):
        raise ExpressionError(f"there is no `{step}` in {shown(document)}")
    document = document or {}
    return {**document, step: _with(document.get(step), rest, value)}
