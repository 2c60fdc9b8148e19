"""The pack for a machine with a GPU and no network, rehearsed on the CPU at tiny size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.presets import tiny

SCRIPTS = Path(__file__).parents[2] / "checkpoints"
MIB = 2**20
BROKEN_DETECTOR = """
import importlib.abc, importlib.util, sys

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "drivesim.training.stages.vehicle_detector":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def load_broken(module):
            load(module)
            del module.VehicleDetectorStage.losses
        spec.loader.exec_module = load_broken
        return spec

sys.meta_path.insert(0, Broken())
"""
"""A `sitecustomize` module for processes in which the stage of the vehicle detector fails."""
NOT_TRAINED = ("autoencoder", "prediction", "interpolation", "decoder", "upsampler_image", "upsampler")


def run(*command: object, code: int = 0, modules: Path | None = None) -> str:
    """Runs a script, with `modules` on the path of its Python; returns what it wrote to stderr."""
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    if modules is not None:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(modules), environment.get("PYTHONPATH")]))
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stderr
    return done.stderr


def parcel(*arguments: object, code: int = 0) -> str:
    return run(sys.executable, SCRIPTS / "parcel.py", *arguments, code=code)


def is_within_limits(out: Path) -> bool:
    sizes = [path.stat().st_size for path in out.iterdir()]
    return len(sizes) <= 8 and max(sizes) <= 16 * MIB and sum(sizes) <= 64 * MIB


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished autoencoder."""
    folder = tmp_path_factory.mktemp("base")
    publish_checkpoint(folder, tiny(), "autoencoder", build("autoencoder", tiny()))
    return folder


def test_the_script_records_trains_and_leaves_a_set_on_the_given_autoencoder(base: Path, tmp_path: Path) -> None:
    """It trains the image stage, and goes on where the detector's fails."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(BROKEN_DETECTOR)
    shares = [f"{role}=0" for role in NOT_TRAINED] + ["vehicle_detector=1"]
    options = [part for share in shares for part in ("--share", share)]
    options += ["--preset", "tiny", "--steps", "2", "--device", "cpu", "--batch-scale", "1", "--threads", "1"]
    options += ["--record-workers", "1", "--init", base]
    command = (SCRIPTS / "train_on_gpu.sh", tmp_path / "wheels", tmp_path / "out", 4, *options)
    said = run(*command, code=1, modules=tmp_path / "modules")
    assert "stage vehicle_detector failed" in said
    assert "not trained to the end: vehicle_detector\n" in said
    assert is_within_limits(tmp_path / "out")
    assert "| image | 2 |" in (tmp_path / "out" / "report.md").read_text()
    parcel("unpack", tmp_path / "out", tmp_path / "set", base)
    unpacked = CheckpointSet.open(tmp_path / "set")
    assert set(unpacked.sha256) == {"autoencoder", "image", "layouts"}
    unpacked.load("autoencoder")
    unpacked.load("image")
    unpacked.load_layouts()
    training = tmp_path / "set" / "training"
    assert "held_out_loss" in (training / "image" / "metrics.csv").read_text()
    assert list((training / "image").glob("samples_*.png"))
    assert "image: step 2" in (training / "log.txt").read_text()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder as a chain leaves it, with more than fits: checkpoints of 40, 15 and 1 MiB, and a picture."""
    folder = tmp_path / "trained"
    (folder / "training" / "image").mkdir(parents=True)
    for name, size in (("image", 40), ("prediction", 15), ("autoencoder", 1)):
        (folder / f"{name}.safetensors").write_bytes(os.urandom(size * MIB))
    (folder / "training" / "image" / "samples_0_00000002.png").write_bytes(os.urandom(10 * MIB))
    sums = {path.stem: sha256(path) for path in folder.glob("*.safetensors")}
    (folder / "manifest.json").write_text(json.dumps({"sha256": sums}))
    return folder


def sha256(path: Path) -> str:
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout[:64]


def test_what_does_not_fit_is_named_and_the_rest_comes_back_whole(trained: Path, tmp_path: Path) -> None:
    parcel("pack", trained, tmp_path / "out", tmp_path)
    assert is_within_limits(tmp_path / "out")
    contents = json.loads((tmp_path / "out" / "contents.json").read_text())
    assert contents["left_out"] == ["training/image/samples_0_00000002.png"]
    parcel("unpack", tmp_path / "out", tmp_path / "set", tmp_path)
    for path in trained.glob("*.*"):
        assert (tmp_path / "set" / path.name).read_bytes() == path.read_bytes()


def test_a_checkpoint_that_the_base_holds_is_taken_from_there(trained: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    shutil.copy(trained / "image.safetensors", base)
    parcel("pack", trained, tmp_path / "out", base)
    packed = json.loads((tmp_path / "out" / "contents.json").read_text())["packed"]
    assert "image.safetensors" not in packed
    parcel("unpack", tmp_path / "out", tmp_path / "set", base)
    assert (tmp_path / "set" / "image.safetensors").read_bytes() == (trained / "image.safetensors").read_bytes()
    assert "neither the parcel nor" in parcel("unpack", tmp_path / "out", tmp_path / "other", tmp_path, code=1)


def test_a_damaged_or_missing_part_is_refused(trained: Path, tmp_path: Path) -> None:
    parcel("pack", trained, tmp_path / "out", tmp_path)
    part = tmp_path / "out" / "result.tar.gz.01"
    whole = part.read_bytes()
    part.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    assert "fetch it again" in parcel("unpack", tmp_path / "out", tmp_path / "set", tmp_path, code=1)
    part.unlink()
    assert "No such file" in parcel("unpack", tmp_path / "out", tmp_path / "set", tmp_path, code=1)
    assert not (tmp_path / "set").exists()
