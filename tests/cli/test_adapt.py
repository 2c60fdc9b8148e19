"""`drivesim adapt` as users call it: from weights and from nothing, whole and stage by stage, again and again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.cli import main as program
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, Provenance
from drivesim.models.checkpoints import BASE_OF, CheckpointSet, sha256_of
from drivesim.training.loop import metrics

UNTAUGHT = {"upsampler_image", "upsampler", "vehicle_detector"}
QUICK = ["--minutes", "1", "--steps", "1", "--threads", "1", "--frames", "4", "--starts", "2", "--seconds", "0.8"]
SHORT = [*QUICK, "--futures", "1"]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of three recordings, without labels and with fewer rows than the upsampler makes."""
    root = tmp_path_factory.mktemp("footage") / "logs"
    for number, name in enumerate(("north", "south", "west")):
        origin = Provenance(recording=name, start_s=0.0)
        header = DriveLogLabels("video", 10.0, 128, 64, time_of_day="day", provenance=origin)
        with DriveLogWriter(root / f"{name}~000", header) as writer:
            for index in range(32):
                frame = np.full((64, 128, 3), 60 + 40 * number, np.uint8)
                frame[20:40, 3 * index : 3 * index + 20] = 200
                writer.write(frame, FrameLabel(index / 10, None, None, None))
    return root


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def adapt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, logs: Path, tiny_checkpoints_with_layouts: Path
) -> Callable[..., Ended]:
    """Runs the program in this process on the logs, without TensorBoard, from tiny weights if not asked otherwise."""
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)

    def run(out: Path, *arguments: object) -> Ended:
        start = [] if "--from-scratch" in arguments else ["--init", tiny_checkpoints_with_layouts]
        words = ["adapt", logs, "--out", out, *SHORT, *start, *arguments]
        monkeypatch.setattr(sys, "argv", ["drivesim", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            program.main()
        return Ended(stop.value.code, *capsys.readouterr())

    return run


def test_a_whole_set_with_figures_before_and_after(
    adapt: Callable, tmp_path: Path, tiny_checkpoints_with_layouts: Path
) -> None:
    """What the footage teaches is trained, everything else keeps its weights, and a second run changes nothing."""
    out, start = tmp_path / "out", CheckpointSet.open(tiny_checkpoints_with_layouts)
    done = adapt(out, "--held-out", "south", "--json")
    assert done.returncode == 0, done.stderr
    assert "held out: south of 3 recordings" in done.stderr
    assert "upsampler is not trained: the frames have up to 64 rows, and it learns to make 128" in done.stderr
    assert "vehicle_detector is not trained: the footage has no annotated vehicles" in done.stderr
    report = json.loads(done.stdout)
    measured = {row["figure"]: row for row in report["figures"]}
    for name in ("reconstruction, PSNR in dB", "best future, perceptual distance", "futures, Fréchet distance"):
        assert np.isfinite([measured[name][when]["value"] for when in ("before", "after")]).all(), name
    assert report["training"]["stages"]["image"]["steps"] == 1

    adapted = CheckpointSet.open(out)
    adapted.verify_all()
    assert adapted.preset == start.preset
    assert adapted.sha256.keys() == start.sha256.keys()
    for role in start.sha256.keys() - {"layouts"}:
        mine, theirs = adapted.load(role).state_dict(), start.load(role).state_dict()
        own = [name for name in mine if role not in BASE_OF or name not in adapted.load(BASE_OF[role]).state_dict()]
        same = all(torch.equal(mine[name].half(), theirs[name].half()) for name in own)
        assert same == (role in UNTAUGHT), role
    assert np.array_equal(adapted.load_layouts().xyxy, start.load_layouts().xyxy)
    encoders = [models.load("autoencoder").encoder.state_dict() for models in (start, adapted)]
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])

    files = {path: sha256_of(path) for path in out.rglob("*") if path.is_file()}
    again = adapt(out, "--held-out", "south")
    assert again.returncode == 0, again.stderr
    assert "nothing was left to train" in again.stderr
    assert again.stdout.startswith("| held out | before | after | intervals | samples |")
    assert {path: sha256_of(path) for path in out.rglob("*") if path.is_file()} == files
    refused = adapt(out, "--held-out", "west")
    assert refused.returncode == 2
    assert "Models must not have seen what they are measured on" in refused.stderr


def test_stage_by_stage_and_from_nothing(adapt: Callable, tmp_path: Path) -> None:
    """One stage after the other gives the stages of a chain, and the plan says what each would do."""
    arguments = ["--held-out", "south", "--from-scratch", "--preset", "tiny"]
    planned = adapt(tmp_path, *arguments, "--stage", "autoencoder", "--plan")
    assert "autoencoder: train, 1.0 min" in planned.stdout
    assert "image: leave out (its share is 0)" in planned.stdout
    assert not any(tmp_path.iterdir())
    for stage in ("autoencoder", "image"):
        adapt(tmp_path, *arguments, "--stage", stage)
    done = adapt(tmp_path, *arguments, "--stage", "prediction")
    assert done.returncode == 0, done.stderr
    assert CheckpointSet.open(tmp_path).sha256.keys() == {"autoencoder", "image", "prediction"}
    assert "| reconstruction, PSNR in dB | – | " in done.stdout


REFUSED = {
    "nothing is held out": ([], "none of its recordings is held out"),
    "everything is held out": (["--held-out=north", "--held-out=south", "--held-out=west"], "nothing to train on"),
    "a recording that is not there": (["--held-out", "east"], "no recording called east; it has north, south, west"),
    "an unknown stage": (["--held-out", "south", "--stage", "cat"], "--stage: expected some of autoencoder, image"),
    "a chain without time": (["--held-out", "south", "--minutes", "0"], "--minutes: expected a number above 0"),
    "two starts": (["--from-scratch", "--init", "x"], "exclude each other"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_one_line(adapt: Callable, tmp_path: Path, arguments: list[str], message: str) -> None:
    refused = adapt(tmp_path / "out", *arguments)
    assert refused.returncode == 2, refused.stderr
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    assert not (tmp_path / "out").exists()
