from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.errors import FootageError
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage


def _footage(logs: Path, count: int, seed: int = 0, height: int = 64) -> MeasuredFootage:
    return measured_footage(logs, height, 2 * height, count, "all", seed, lambda *_: None)


def test_every_log_gives_a_frame_before_any_gives_two(logs: Path) -> None:
    for count, per_log in ((8, 1), (16, 2), (24, 3), (100, 3)):
        index = _footage(logs, count).index
        assert np.bincount(index // 3, minlength=8).tolist() == [per_log] * 8


def test_the_identity_follows_what_is_measured(logs: Path) -> None:
    assert _footage(logs, 8).identity == _footage(logs, 8).identity
    assert len({_footage(logs, 8).identity, _footage(logs, 9).identity, _footage(logs, 8, 1).identity}) == 3
    assert _footage(logs, 24).identity != _footage(logs, 24, height=32).identity


def test_halves_share_no_log(logs: Path) -> None:
    footage = _footage(logs, 24)
    first, second = (set(footage.half(which).index // 3) for which in (0, 1))
    assert not first & second
    assert first | second == set(range(8))


def test_conditions_are_told_or_not(logs: Path) -> None:
    footage = _footage(logs, 8)
    conditions = footage.conditions(("boxes", "time_of_day"))
    assert conditions.crowdedness is None
    assert conditions.ego_motion is None
    assert conditions.time_of_day.tolist() == footage.time_of_day.tolist() == [0, 1] * 4
    assert (conditions.boxes.category[:, 0] >= 0).sum(1).tolist() == [1 + n % 3 for n in range(8)]


def test_hidden_vehicles_are_labelled_but_do_not_count(logs: Path) -> None:
    footage = _footage(logs, 8)
    truth = footage.labels.truth(int(footage.index[2]))
    assert truth.counts.tolist() == [True, True, True, False]
    assert truth.category.tolist() == [0, 0, 0, 3]


def test_a_split_without_logs_says_so(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="--split all"):
        measured_footage(logs, 64, 128, 8, "held_out", 0, lambda *_: None)
    with pytest.raises(FootageError, match="no drive logs"):
        measured_footage(tmp_path, 64, 128, 8, "all", 0, lambda *_: None)
