"""Compares the figures of two reports, if they mean the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from drivesim.errors import InputError
from drivesim.evaluation.protocol import Figure, Report


class ProtocolMismatchError(InputError):
    """Two figures were measured by different protocols; the message names what differs."""


@dataclass(frozen=True)
class Comparison:
    """The same figure in two reports."""

    first: Figure
    second: Figure

    @property
    def change(self) -> float | None:
        """The second value minus the first; None if one of them could not be measured."""
        if self.first.value is None or self.second.value is None:
            return None
        return self.second.value - self.first.value

    @property
    def apart(self) -> bool:
        """Whether the 95 % intervals do not overlap."""
        first, second = self.first, self.second
        if first.low is None or first.high is None or second.low is None or second.high is None:
            return False
        return first.high < second.low or second.high < first.low


def compare_figures(first: Figure, second: Figure) -> Comparison:
    """Compares two figures.

    Raises:
        ProtocolMismatchError: They differ in name, group or protocol.
    """
    if (first.name, first.group) != (second.name, second.group):
        raise ProtocolMismatchError(f"{first.name} of {first.group} is not {second.name} of {second.group}")
    one, two = asdict(first.protocol), asdict(second.protocol)
    different = [f"{field}: {one[field]!r} against {two[field]!r}" for field in one if one[field] != two[field]]
    if different:
        raise ProtocolMismatchError(
            f"{first.name} of {first.group} was measured by different protocols, so the numbers do not compare: "
            + "; ".join(different)
        )
    return Comparison(first, second)


def compare_reports(first: Report, second: Report) -> list[Comparison]:
    """Compares all figures that two reports have in common.

    Raises:
        ProtocolMismatchError: The reports are of different evaluations, or figures were measured differently.
        InputError: The reports have no figure in common.
    """
    if first.evaluation != second.evaluation:
        raise ProtocolMismatchError(f"a report of {first.evaluation} does not compare to one of {second.evaluation}")
    others = {(figure.name, figure.group): figure for figure in second.figures}
    pairs = [(figure, others[key]) for figure in first.figures if (key := (figure.name, figure.group)) in others]
    if not pairs:
        raise InputError("the two reports share no figure")
    return [compare_figures(one, two) for one, two in pairs]
