from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.packed import footage_under
from drivesim.errors import FootageError
from drivesim.evaluation.samples import footage as footage_module
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


def test_conditions_are_given_or_not(logs: Path) -> None:
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


def test_packed_footage_is_measured_without_its_logs(logs: Path, tmp_path: Path) -> None:
    footage_under(logs, 64, 128)
    shutil.copytree(logs / ".packed", tmp_path / ".packed", ignore=shutil.ignore_patterns("all-*", "held_out-*"))
    packed, known = _footage(tmp_path, 16), _footage(logs, 16)
    assert np.array_equal(packed.frames, known.frames)
    assert packed.log_names == known.log_names
    assert packed.identity == known.identity
    assert packed.recorded_sizes == "64x128, packed"
    first, second = (set(packed.half(which).index // 3) for which in (0, 1))
    assert not first & second


def test_of_packed_footage_only_held_out_logs_are_measured(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage_under(logs, 64, 128)
    shutil.copytree(logs / ".packed", tmp_path / ".packed")
    with pytest.raises(FootageError, match="--split all"):
        measured_footage(tmp_path, 64, 128, 8, "held_out", 0, lambda *_: None)
    held_out = ("log_2", "log_5", "log_6")
    split_of = {f"log_{number}": "held_out" if f"log_{number}" in held_out else "train" for number in range(8)}
    monkeypatch.setattr(footage_module, "split_of", split_of.get)
    some = measured_footage(tmp_path, 64, 128, 8, "held_out", 0, lambda *_: None)
    assert some.log_names == held_out
    assert set(some.index // 3) == {2, 5, 6}
    assert len(some) == 8
    halves = [set(some.half(which).index // 3) for which in (0, 1)]
    assert halves == [{2, 6}, {5}]


def test_a_split_without_logs_says_so(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="--split all"):
        measured_footage(logs, 64, 128, 8, "held_out", 0, lambda *_: None)
    with pytest.raises(FootageError, match="no drive logs"):
        measured_footage(tmp_path, 64, 128, 8, "all", 0, lambda *_: None)
