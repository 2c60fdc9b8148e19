"""`drivesim train`: what is printed, what is refused, and a disk that is really full."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec
import numpy as np
import pytest
from typer.testing import CliRunner

from drivesim.cli import main as program
from drivesim.data.drive_log import DriveLogWriter, split_of
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.models import checkpoints
from drivesim.models.stages import STAGES
from drivesim.training.loop import metrics

ALONE = [f"--share={stage}=0" for stage in STAGES if stage not in ("autoencoder", "layouts")]
TINY = ["--preset", "tiny", "--steps", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drive logs of noise, one of them held out."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "held_out"):
        name = next(name for i in range(1000) if split_of(name := f"log_{i}") == split)
        with DriveLogWriter(root / name, DriveLogLabels(source="test", fps=10.0, width=64, height=32)) as writer:
            for index in range(8):
                frame = np.random.default_rng(index).integers(0, 256, (32, 64, 3), np.uint8)
                writer.write(frame, FrameLabel(index / 10, 5.0, 0.0, ()))
    return root


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Ended]:
    """Runs the program in this process, without TensorBoard."""
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["drivesim", "train", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            program.main()
        return Ended(stop.value.code, *capsys.readouterr())

    return run


def train_in_a_process(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "drivesim", "train", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_a_chain_is_planned_trained_and_left_alone(train: Callable, data: Path, tmp_path: Path) -> None:
    options = ["chain", "--data", data, "--out", tmp_path / "out", "--minutes", "5", *TINY, *ALONE]
    planned = train(*options, "--plan")
    assert "autoencoder: train, 5.0 min, on 16 frames of 2 logs at 32x64, 2 of them to be packed" in planned.stdout
    assert "image: leave out (its share is 0)" in planned.stdout
    assert not (tmp_path / "out").exists()
    first = train(*options, "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["stages"]["autoencoder"]["steps"] == 1
    assert "autoencoder: step 1" in first.stderr
    again = train(*options)
    assert again.returncode == 0
    assert again.stdout.startswith("| stage | steps | minutes | held out | samples |")
    assert "nothing was left to train" in again.stderr
    actions = {
        stage["role"]: stage["action"] for stage in json.loads(train(*options, "--plan", "--json").stdout)["stages"]
    }
    assert (actions["autoencoder"], actions["image"], actions["layouts"]) == ("skip", "leave out", "skip")


REFUSED = {
    "an unknown stage of a share": (["chain", "--minutes", "1", "--share", "cat=1"], "expected STAGE=NUMBER"),
    "an unknown preset": (["chain", "--minutes", "1", "--preset", "huge"], "--preset: expected a preset of"),
    "footage that is missing": (["chain", "--minutes", "1", *TINY], "training clips of 8 frames at 2.5 frames per"),
    "an encoder that is not there": (["image", "--keep-encoder", *TINY], "--keep-encoder is for stage autoencoder"),
    "a base that is missing": (["prediction", *TINY], "no such checkpoint"),
    "a chain without time": (["chain", "--minutes", "0", *TINY], "--minutes: expected a number above 0"),
    "an unknown device": (["autoencoder", "--device", "abacus", *TINY], "--device: expected cpu or cuda"),
    "an unknown device of a chain": (["chain", "--minutes", "1", "--device", "abacus", "--plan"], "--device: expected"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_one_line(
    train: Callable, arguments: Sequence[str], message: str, data: Path, tmp_path: Path
) -> None:
    refused = train(*arguments, "--data", data, "--out", tmp_path / "out")
    assert refused.returncode == 2, refused.stderr
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


OUT_OF_RANGE = [
    ("autoencoder", "--minutes", "nan"),
    ("autoencoder", "--minutes", "-1"),
    ("autoencoder", "--minutes", "inf"),
    ("autoencoder", "--evaluate-minutes", "nan"),
    ("autoencoder", "--steps", "-3"),
    ("autoencoder", "--seed", "-1"),
    ("autoencoder", "--seed", "9" * 30),
    ("autoencoder", "--batch-size", "100000000000"),
    ("autoencoder", "--learning-rate", "inf"),
    ("autoencoder", "--threads", "100000000000"),
    ("chain", "--minutes", "inf"),
    ("chain", "--seed", "-1"),
    ("chain", "--batch-scale", "100000000000"),
    ("chain", "--record-workers", "100000000000"),
    ("chain", "--evaluate-minutes", "nan"),
]


@pytest.mark.parametrize(("command", "option", "value"), OUT_OF_RANGE)
def test_a_number_out_of_range_is_refused(
    train: Callable, command: str, option: str, value: str, data: Path, tmp_path: Path
) -> None:
    minutes = ["--minutes", "1"] if command == "chain" else []
    refused = train(command, "--data", data, "--out", tmp_path / "out", *TINY, *minutes, option, value)
    assert refused.returncode == 2, refused.stderr
    assert option in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_finished_stage_says_so(train: Callable, data: Path, tmp_path: Path) -> None:
    options = ["autoencoder", "--data", data, "--out", tmp_path, *TINY]
    assert train(*options).returncode == 0
    again = train(*options)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.strip() == f"{tmp_path}: nothing was left to train of autoencoder"


def test_a_file_in_the_place_of_the_folder_is_one_line(train: Callable, data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for command in (["autoencoder"], ["chain", "--minutes", "1", *ALONE]):
        refused = train(*command, *TINY, "--data", data, "--out", tmp_path / "out")
        assert refused.returncode == 2, refused.stderr
        assert "expected a folder, found a file" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1


def test_a_training_on_a_full_disk_says_so_and_continues(data: Path, on_small_disk: Callable) -> None:
    def fill(disk) -> None:
        options = ["autoencoder", "--data", data, "--out", disk.folder / "out", *TINY]
        for size in (32_768, 1_100_000):  # room for no state, and for the state alone
            disk.resize(size)
            ended = train_in_a_process(*options)
            assert ended.returncode == 1, (size, ended)
            assert "No space left on device" in ended.stderr, (size, ended)
            assert "Traceback" not in ended.stderr, (size, ended)
        disk.resize(16 * 2**20)
        ended = train_in_a_process(*options)
        assert ended.returncode == 0, ended
        checkpoints.CheckpointSet.open(disk.folder / "out").load("autoencoder")

    on_small_disk(fill)


def test_footage_at_a_url_trains_the_same_network(train: Callable, data: Path, tmp_path: Path) -> None:
    storage = fsspec.filesystem("memory")
    storage.put(str(data), "/footage", recursive=True)
    options = ["--cache", tmp_path / "cache", *TINY]
    for name, source in (("path", data), ("url", "memory://footage")):
        done = train("autoencoder", "--data", source, "--out", tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
    path, url = (tmp_path / name / "autoencoder.safetensors" for name in ("path", "url"))
    assert path.read_bytes() == url.read_bytes()
    planned = train(
        "chain", "--data", "memory://footage", "--out", tmp_path / "c", "--minutes", "5", *options, "--plan"
    )
    assert "autoencoder: train, " in planned.stdout


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_vehicle_detector_answers_to_its_former_name_without_showing_it(command: str) -> None:
    listed, former = (CliRunner().invoke(program.app, [command, *name, "--help"]) for name in ([], ["reader"]))
    assert (listed.exit_code, former.exit_code) == (0, 0)
    assert "vehicle_detector" in listed.stdout
    assert "reader" not in listed.stdout
    assert "--data" in former.stdout
