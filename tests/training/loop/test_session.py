"""One stage from beginning to end: a kill at any file operation changes no byte of the end, nor does a second run."""

from __future__ import annotations

import csv
import errno
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from drivesim.errors import CheckpointError, DivergenceError, LockHeldError, TrainingWriteError
from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.presets import Preset
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.loop import Report
from drivesim.training.loop.session import is_finished, train_stage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.stages.stage import LossTerm, TrainingStage

STEPS = 3


@pytest.fixture
def folder(folder: Path, quick_preset: Preset) -> Path:
    """Holds the checkpoint that the stage stands on."""
    out = folder / "out"
    out.mkdir()
    publish_autoencoder(out, quick_preset, 1)
    return out


def publish_autoencoder(out: Path, preset: Preset, seed: int) -> None:
    torch.manual_seed(seed)
    publish_checkpoint(out, preset, "autoencoder", build("autoencoder", preset))


@pytest.fixture
def image(quick_preset: Preset) -> Callable[[Path], StageRequest]:
    """What is asked of the stage in a folder."""
    return lambda out: StageRequest("image", quick_preset, out / "no_footage", out)


@pytest.fixture
def train(image: Callable[[Path], StageRequest], quick_stage: type) -> Callable[..., list[Report]]:
    """Trains in a folder, up to a number of steps, saving after each."""

    def run(
        out: Path, steps: int = STEPS, make: Callable[[StageRequest], TrainingStage] = quick_stage, every_s: float = 0.0
    ) -> list[Report]:
        return list(train_stage(image(out), partial(make, image(out)), TrainingBudget(1e9, steps), every_s))

    return run


def lasting(out: Path) -> dict[str, object]:
    """Everything that a training leaves, by path: contents, and of files that hold seconds all but those."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.name == "metrics.csv":
            found[name] = [(step, figure, value) for step, _, figure, value in csv.reader(path.open())]
        elif path.is_file() and path.name != "progress.json":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_file():
            found[name] = "progress"
    return found


def test_metrics_hold_every_figure_once(folder: Path, train: Callable) -> None:
    reports = train(folder)
    assert [report.saved for report in reports] == [True] * STEPS
    rows = lasting(folder)["training/image/metrics.csv"][1:]
    assert len({(step, figure) for step, figure, _ in rows}) == len(rows)
    assert [float(value) for _, figure, value in rows if figure == "loss"] == pytest.approx(
        [report.figures["loss"] for report in reports], rel=1e-5
    )
    assert [figure for _, figure, _ in rows].count("held_out_loss") == STEPS


def test_killed_at_any_file_operation_it_ends_with_the_same_bytes(
    folder: Path, tmp_path: Path, killed_at: Callable, train: Callable
) -> None:
    """Of some kills the resume is killed too, at a place that wanders; the checkpoints open after every kill."""
    torch.set_num_threads(1)
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    shutil.copytree(folder, whole)
    shutil.copytree(folder, begun)
    train(whole, 1)
    expected, number = lasting(whole), 0
    while killed_at(lambda: train(folder, 1), number):
        if number % 4 == 0:
            killed_at(lambda: train(folder, 1), number * 37 % 53)
        CheckpointSet.open(folder).verify("autoencoder")
        assert len(train(folder, 1)) <= 1
        assert lasting(folder) == expected, f"killed at file operation {number}"
        shutil.rmtree(folder)
        shutil.copytree(begun, folder)
        number += 1
    assert number > 40


def test_killed_while_it_trains_on_it_keeps_what_it_had(
    folder: Path, tmp_path: Path, killed_at: Callable, train: Callable
) -> None:
    """More steps for a finished training, killed at every file operation: it goes on from the finished one."""
    torch.set_num_threads(1)
    train(folder, 2)
    begun, whole = tmp_path / "begun", tmp_path / "whole"
    shutil.copytree(folder, begun)
    shutil.copytree(folder, whole)
    train(whole, 3)
    expected, number = lasting(whole), 0
    while killed_at(lambda: train(folder, 3), number):
        CheckpointSet.open(folder).load("image")
        assert len(train(folder, 3)) <= 1
        assert lasting(folder) == expected, f"killed at file operation {number}"
        shutil.rmtree(folder)
        shutil.copytree(begun, folder)
        number += 1
    assert number > 20


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_a_finished_stage_is_left_alone(folder: Path, train: Callable, quick_stage: type) -> None:
    def never(_: StageRequest) -> TrainingStage:
        raise AssertionError("a finished stage was prepared")

    train(folder)
    before = files(folder)
    for _ in range(2):
        assert train(folder, make=never) == []
    assert train(folder, steps=STEPS - 1, make=never) == []
    assert files(folder) == before


SPOILED = {
    "the checkpoint is gone": lambda out: (out / "image.safetensors").unlink(),
    "the checkpoint is another": lambda out: shutil.copy(out / "autoencoder.safetensors", out / "image.safetensors"),
    "the manifest is gone": lambda out: (out / "manifest.json").unlink(),
    "the last state is damaged": lambda out: os.truncate(
        out / "training" / "image" / (out / "training" / "image" / "LATEST").read_text() / "progress.json", 9
    ),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_what_was_spoiled_is_repaired_by_the_same_command(spoil: Callable, folder: Path, train: Callable) -> None:
    train(folder)
    expected = lasting(folder)
    spoil(folder)
    train(folder)
    found = lasting(folder)
    assert {name: found[name] for name in ("image.safetensors", "manifest.json", "training/image/metrics.csv")} == {
        name: expected[name] for name in ("image.safetensors", "manifest.json", "training/image/metrics.csv")
    }
    CheckpointSet.open(folder).load("image")


def test_half_a_row_of_metrics_is_written_again(folder: Path, tmp_path: Path, train: Callable) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    train(whole, 3)
    train(folder, 2)
    name = "training/image/metrics.csv"
    os.truncate(folder / name, (folder / name).stat().st_size - 4)
    train(folder, 3)
    # The learning rate of the two differs, so only what was trained before the resume is the same.
    found, expected = ([row for row in lasting(out)[name] if row[0] in "01"] for out in (folder, whole))
    assert found == expected
    rows = lasting(folder)[name]
    assert len({(step, figure) for step, figure, _ in rows}) == len(rows)
    assert {step for step, _, _ in rows[1:]} == {"1", "2", "3"}


def test_where_a_foundation_changed_a_finished_stage_goes_on_from_its_weights(
    folder: Path, caplog: pytest.LogCaptureFixture, train: Callable, image: Callable, quick_preset: Preset
) -> None:
    train(folder)
    publish_autoencoder(folder, quick_preset, 2)
    request = image(folder)
    assert not is_finished(request, TrainingBudget(1e9, STEPS))
    with caplog.at_level(logging.WARNING):
        reports = train(folder)
    assert [report.step for report in reports] == [4, 5, 6]
    assert "image: step 3: autoencoder changed since; training continues from its old weights" in caplog.text
    assert is_finished(request, TrainingBudget(1e9, STEPS))
    assert train(folder) == []


def test_more_time_for_a_finished_stage_starts_the_learning_rate_anew(
    folder: Path, caplog: pytest.LogCaptureFixture, train: Callable
) -> None:
    train(folder, 10)
    with caplog.at_level(logging.WARNING):
        assert len(train(folder, 20)) == 10
    assert (
        "image: step 10: there is more time now, so the learning rate, which had begun to fall, starts anew"
        in caplog.text
    )


def test_a_second_training_of_a_stage_is_refused_and_told_who_trains(
    folder: Path, train: Callable, quick_stage: type, in_child: Callable, wait_until: Callable
) -> None:
    """While a first one waits in the middle; once it was killed, its lock is taken over."""
    ready = folder.parent / "ready"

    def waiting(request: StageRequest) -> TrainingStage:
        ready.touch()
        time.sleep(600)
        return quick_stage(request)

    child = in_child(lambda: train(folder, make=waiting))
    wait_until(ready.exists, child)
    before = files(folder)
    with pytest.raises(LockHeldError, match=rf"process {child.pid} on") as caught:
        train(folder)
    assert caught.value.exit_code == 3
    assert files(folder) == before
    child.kill()
    assert len(train(folder)) == STEPS


def test_a_divergence_leaves_the_last_good_checkpoint(folder: Path, train: Callable, quick_stage: type) -> None:
    class Diverging(quick_stage):
        def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
            for term in super().losses(step, used, generator):
                yield LossTerm("network", term.value * torch.nan, {"loss": term.value * torch.nan})

    train(folder)
    before = lasting(folder)
    with pytest.raises(DivergenceError):
        train(folder, 100, make=Diverging, every_s=1e9)
    assert lasting(folder) == before
    CheckpointSet.open(folder).load("image")
    assert len(train(folder, STEPS + 1)) == 1


def test_a_full_disk_is_explained_and_the_same_command_continues(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Callable
) -> None:
    """Whichever write finds it full."""
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    shutil.copytree(folder, whole)
    shutil.copytree(folder, begun)
    train(whole, 1)
    errors: list[TrainingWriteError] = []
    while True:
        try:
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full_after(len(errors)))
                train(folder, 1)
            break
        except TrainingWriteError as error:
            errors.append(error)
        train(folder, 1)
        assert lasting(folder) == lasting(whole)
        shutil.rmtree(folder)
        shutil.copytree(begun, folder)
    assert len(errors) > 6
    for error in errors:
        assert str(folder) in str(error)
        assert "No space left on device; make room and run the same command again" in str(error)
        assert error.exit_code == 1


def full_after(remaining: int) -> Callable[[int, memoryview], int]:
    """`os.write` on a disk that is full after so many writes."""
    write = os.write

    def limited(descriptor: int, content: memoryview) -> int:
        nonlocal remaining
        remaining -= 1
        if remaining < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content)

    return limited


def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path, train: Callable) -> None:
    (folder / "training").touch()
    with pytest.raises(CheckpointError, match="expected a folder"):
        train(folder)


def test_a_learning_rate_that_is_far_too_high_ends_the_command_with_one_line(logs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "drivesim", "train", "autoencoder", "--data", logs, "--out", tmp_path]
    options = ["--preset", "tiny", "--steps", "30", "--batch-size", "2", "--threads", "1", "--learning-rate", "1e35"]
    ended = subprocess.run([*map(str, command), *options], capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 1
    assert "training of autoencoder diverged at step" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "autoencoder.safetensors").exists()
    assert not list((tmp_path / "training" / "autoencoder").glob("0*"))
