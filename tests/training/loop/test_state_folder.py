"""States on disk: the last good one survives kills, damage, full disks and strange files beside it."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError
from drivesim.training.loop.budget import Progress, TrainingBudget
from drivesim.training.loop.state_folder import Evaluation, StateFolder, StateRecord


def record(step: int) -> StateRecord:
    return StateRecord(Progress(step, 0.5 * step), TrainingBudget(60.0, 9), {"image": "ab"}, {"loss": "nan"})


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"network/weight": torch.full((3, 2), float(step)), "network.step/weight": torch.tensor(step)}


def save(folder: Path, *steps: int) -> StateFolder:
    states = StateFolder(folder)
    states.load()
    for step in steps:
        states.save(record(step), tensors(step))
    return states


def loaded_step(folder: Path) -> int:
    """The step of what is loaded, whose tensors must be those of that step."""
    found, loaded = StateFolder(folder).load()
    assert loaded.keys() == tensors(0).keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors(found.progress.step).items())
    return found.progress.step


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path / "states", 7)
    found, _ = StateFolder(tmp_path / "states").load()
    assert found.tensors_sha256 is not None
    assert (found.progress, found.budget, found.foundations, found.figures) == (
        record(7).progress,
        record(7).budget,
        record(7).foundations,
        record(7).figures,
    )
    assert loaded_step(tmp_path / "states") == 7


def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    assert StateFolder(tmp_path / "none").load() is None
    assert StateFolder(tmp_path).load() is None
    assert StateFolder(tmp_path).last_record() is None


def test_the_last_state_and_the_one_before_it_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3)
    save(tmp_path, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000004", "LATEST"]
    assert (tmp_path / "LATEST").read_text() == "00000004"


def test_saving_a_step_again_leaves_its_first_state_until_the_second_is_named(tmp_path: Path) -> None:
    save(tmp_path, 3, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000003-2", "LATEST"]
    assert loaded_step(tmp_path) == 3
    save(tmp_path, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003-2", "00000003-3", "LATEST"]
    assert loaded_step(tmp_path) == 3


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 4
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit of the tensors": lambda state: flip(state / "state.safetensors"),
    "a flipped bit of the record": lambda state: flip(state / "progress.json"),
    "tensors cut short": lambda state: os.truncate(state / "state.safetensors", 40),
    "empty tensors": lambda state: (state / "state.safetensors").write_bytes(b""),
    "tensors missing": lambda state: (state / "state.safetensors").unlink(),
    "tensors of another state": lambda state: shutil.copy(
        state.parent / "00000002" / "state.safetensors", state / "state.safetensors"
    ),
    "empty record": lambda state: (state / "progress.json").write_bytes(b""),
    "record missing": lambda state: (state / "progress.json").unlink(),
    "record that is a list": lambda state: (state / "progress.json").write_text("[]"),
    "state missing": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_state_is_named_and_the_one_before_it_is_taken(
    damage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 2, 5)
    damage(tmp_path / "00000005")
    with caplog.at_level(logging.WARNING):
        assert loaded_step(tmp_path) == 2
    (message,) = caplog.messages
    assert str(tmp_path) in message
    assert "continues from" in message
    save(tmp_path, 5)
    caplog.clear()
    assert loaded_step(tmp_path) == 5
    assert not caplog.messages


def test_without_a_whole_state_one_line_says_so(tmp_path: Path) -> None:
    save(tmp_path, 2, 5)
    for name in ("00000002", "00000005"):
        flip(tmp_path / name / "state.safetensors")
    with pytest.raises(CheckpointError, match=r"00000005.*sha256.*to train anew") as caught:
        StateFolder(tmp_path).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"../../etc", b"00000009", b"x" * 10_000])
def test_a_strange_latest_file_does_not_matter(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 2, 5)
    (tmp_path / "LATEST").write_bytes(content)
    assert loaded_step(tmp_path) == 5
    assert "LATEST: names no state; the training continues from 00000005" in caplog.text


def test_a_missing_latest_file_does_not_matter(tmp_path: Path) -> None:
    save(tmp_path, 2, 5)
    (tmp_path / "LATEST").unlink()
    assert loaded_step(tmp_path) == 5


def test_a_latest_file_alone_and_a_folder_in_its_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "LATEST").write_text("00000005")
    with pytest.raises(CheckpointError, match="names no state"):
        StateFolder(tmp_path).load()
    (tmp_path / "LATEST").unlink()
    (tmp_path / "LATEST").mkdir()
    with pytest.raises(CheckpointError, match="found a folder"):
        StateFolder(tmp_path).load()


def test_what_a_kill_left_behind_is_not_trusted_and_goes_with_the_next_save(tmp_path: Path) -> None:
    save(tmp_path, 2)
    for name in ("00000009.partial", "00000001.removed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.safetensors").write_bytes(b"half")
    assert loaded_step(tmp_path) == 2
    save(tmp_path, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002", "00000003", "LATEST"]


def test_states_of_an_older_version_are_loaded(tmp_path: Path) -> None:
    save(tmp_path, 2)
    (tmp_path / "00000002" / "progress.json").write_text(json.dumps({"step": 2, "elapsed_s": 7.5}))
    assert loaded_step(tmp_path) == 2
    assert StateFolder(tmp_path).last_record() == StateRecord(Progress(2, 7.5))


def test_an_evaluation_belongs_to_its_state(tmp_path: Path) -> None:
    states = save(tmp_path, 2)
    assert states.evaluation() is None
    states.add_evaluation(Evaluation({"held_out_loss": "0.5"}, "cd" * 32))
    again = StateFolder(tmp_path)
    assert again.last_record() is not None
    assert again.evaluation() == Evaluation({"held_out_loss": "0.5"}, "cd" * 32)
    states.save(record(3), tensors(3))
    assert states.evaluation() is None


def test_a_save_that_fails_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write or sync finds the disk full."""
    states = save(tmp_path, 1, 2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    failures, fail_at = 0, 0
    real_write, real_fsync = os.write, os.fsync

    def failing(function, *arguments):
        nonlocal remaining
        remaining -= 1
        if remaining < 0:
            raise OSError(28, "No space left on device")
        return function(*arguments)

    while True:
        remaining = fail_at
        monkeypatch.setattr(os, "write", lambda *arguments: failing(real_write, *arguments))
        monkeypatch.setattr(os, "fsync", lambda *arguments: failing(real_fsync, *arguments))
        try:
            states.save(record(3), tensors(3))
            break
        except OSError:
            failures += 1
        finally:
            monkeypatch.undo()
        assert loaded_step(tmp_path) in (2, 3)
        assert {path: path.read_bytes() for path in before if path.name != "LATEST"} == {
            path: content for path, content in before.items() if path.name != "LATEST"
        }
        fail_at += 1
    assert failures >= 6
    assert loaded_step(tmp_path) == 3
