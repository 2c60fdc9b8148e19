from __future__ import annotations

from drivesim.wording import as_ranges, counted


def test_only_one_is_singular() -> None:
    assert [counted(number, "future") for number in (0, 1, 2)] == ["0 futures", "1 future", "2 futures"]


def test_neighbours_are_written_as_ranges() -> None:
    assert as_ranges([]) == ""
    assert as_ranges([4]) == "4"
    assert as_ranges([0, 3, 4, 5, 9]) == "0, 3..5, 9"
    assert as_ranges([0, 2, 4, 6], most=2) == "0, 2, ..."
