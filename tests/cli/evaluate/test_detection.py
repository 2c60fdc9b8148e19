"""`drivesim evaluate detection` with a detector of one's own, from its file to the report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.errors import CheckpointError, InputError
from drivesim.models.checkpoints import VEHICLE_DETECTOR, build, save_checkpoint, write_manifest
from drivesim.models.presets import tiny

BOX = (20.0, 20.0, 60.0, 50.0)  # in 128x64


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("logs")
    for number in range(4):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="night" if number % 2 else "day")
        with DriveLogWriter(root / f"log_{number}", header) as writer:
            frame = np.full((64, 128, 3), 60 + 20 * number, np.uint8)
            writer.write(frame, FrameLabel(0.0, 5.0, 0.0, (VehicleLabel(0, "car", BOX, BOX, 9.0, 1.0),)))
    return root


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Sees the car of the footage in every picture, as a bus."""
    row = np.array([[[*BOX, 0.9, 5]]], np.float32)
    node = helper.make_node("Constant", [], ["output0"], value=numpy_helper.from_array(row))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 128])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 1, 6])
    graph = helper.make_graph([node], "network", [images], [output])
    path = tmp_path / "known.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    path.with_suffix(".yaml").write_text("layout: yolov10\nclasses: {bus: [5]}\n")
    return path


def _arguments(logs: Path, checkpoints: Path, *more: object) -> list[str]:
    common = ["evaluate", "detection", "--data", logs, "--checkpoints", checkpoints, "--split", "all"]
    return [str(argument) for argument in (*common, "--device", "cpu", "--json", *more)]


def test_a_detector_beside_our_own(logs: Path, tiny_checkpoints: Path, detector: Path, tmp_path: Path) -> None:
    checkpoints = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, checkpoints)
    save_checkpoint(checkpoints / f"{VEHICLE_DETECTOR}.safetensors", build(VEHICLE_DETECTOR, tiny()), VEHICLE_DETECTOR)
    write_manifest(checkpoints, tiny())
    ways = ("render", "autoencoder_bicubic")
    arguments = _arguments(logs, checkpoints, "--detector", detector, "--made", ",".join(ways))
    report = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    figures = {(figure["name"], figure["group"]): figure for figure in report["figures"]}
    for way in ways:
        theirs, own = (figures["found", f"{d}: {way}, from 48 px"] for d in ("known.onnx", "vehicle detector"))
        assert (theirs["value"], theirs["count"], own["value"], own["count"]) == (1, 4, 0, 4)
    assert figures["found_to_render", "known.onnx: autoencoder_bicubic, from 48 px"]["value"] == 1
    assert set(report["subject"]) == {"autoencoder", "sampling"}
    table = CliRunner().invoke(app, [a for a in arguments if a != "--json"], catch_exceptions=False).stdout
    assert "known.onnx: found" in table
    assert "vehicle detector: found" in table


def test_a_set_without_a_vehicle_detector_needs_another(logs: Path, tiny_checkpoints: Path, detector: Path) -> None:
    arguments = _arguments(logs, tiny_checkpoints, "--made", "render")
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    result = CliRunner().invoke(app, [*arguments, "--detector", str(detector)], catch_exceptions=False)
    assert {figure["group"].partition(":")[0] for figure in json.loads(result.stdout)["figures"]} == {"known.onnx"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--made", "renders"], "expected some of render,small_bicubic"),
        (["--made", ""], "got nothing"),
        (["--settings", "x.yaml"], "belongs to a detector"),
    ],
)
def test_options_that_make_no_sense(logs: Path, tiny_checkpoints: Path, more: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(app, _arguments(logs, tiny_checkpoints, *more), catch_exceptions=False)


def test_a_broken_detector_is_one_line_and_exit_code_2(logs: Path, tiny_checkpoints: Path, detector: Path) -> None:
    detector.write_bytes(detector.read_bytes()[:40])
    arguments = _arguments(logs, tiny_checkpoints, "--made", "render", "--detector", detector)
    done = subprocess.run([sys.executable, "-m", "drivesim", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"{detector}: onnxruntime refuses loading it: ")
    assert done.stderr.count("\n") == 1
