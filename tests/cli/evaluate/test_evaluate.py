"""`drivesim evaluate` from footage to a report, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import fsspec
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.errors import CheckpointError, FootageError, InputError
from drivesim.evaluation.compare import ProtocolMismatchError
from drivesim.evaluation.protocol import Report
from drivesim.models.checkpoints import VEHICLE_DETECTOR, build, save_checkpoint, write_manifest
from drivesim.models.presets import tiny

runner = CliRunner()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("logs")
    for number in range(8):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="night" if number % 2 else "day")
        box = (20.0, 20.0, 60.0, 50.0)
        with DriveLogWriter(root / f"log_{number}", header) as writer:
            frame = np.full((64, 128, 3), 60 + 20 * number, np.uint8)
            writer.write(frame, FrameLabel(0.0, 5.0, 0.0, (VehicleLabel(0, "car", box, box, 9.0, 1.0),)))
    return root


@pytest.fixture(scope="module")
def checkpoints(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "tiny"
    shutil.copytree(tiny_checkpoints, folder)
    torch.manual_seed(0)
    save_checkpoint(folder / f"{VEHICLE_DETECTOR}.safetensors", build(VEHICLE_DETECTOR, tiny()), VEHICLE_DETECTOR)
    write_manifest(folder, tiny())
    return folder


def _evaluate(*arguments: object) -> dict:
    result = runner.invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_sheet_shows_a_pair_for_each_sample(logs: Path, checkpoints: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    options = ["--data", logs, "--checkpoints", checkpoints, "--split", "all", "--out", out, "--low", "--steps", 2]
    options += ["--samples", 5, "--columns", 2, "--width", 64]
    result = runner.invoke(app, ["evaluate", "sheet", *map(str, options)], catch_exceptions=False)
    assert result.exit_code == 0
    sheet = cv2.imread(str(out))
    assert sheet.shape == (3 * 32 + 2 * 4, 2 * 128 + 4, 3)
    assert (sheet[-32:, -128:] == 255).all()  # the sixth place is empty
    assert sheet[:32, 64:128].std() > 0


@pytest.mark.parametrize(
    ("evaluation", "options", "names"),
    [
        ("reconstruction", [], {"psnr_db", "vehicle_psnr_db", "ssim", "perceptual"}),
        ("frames", ["--steps", 2], {"frechet_distance", "frechet_in_blurs", "kernel_distance_x1000"}),
        ("adherence", ["--steps", 2, "--low", "--gate", 2], {"found", "missing", "unasked_per_frame"}),
        ("crowdedness", ["--steps", 2, "--low"], {"crowdedness_spearman", "time_of_day_right"}),
        ("vehicle_detector", ["--low"], {"ap50", "recall", "precision", "ap50_bus"}),
        ("road", ["--steps", 1], {"lane_lines_found", "lane_line_error_px"}),
        ("detection", ["--steps", 2], {"found", "found_to_render", "false_per_frame"}),
    ],
)
def test_every_figure_has_its_protocol(
    evaluation: str, options: list, names: set[str], logs: Path, checkpoints: Path, tmp_path: Path
) -> None:
    common = ["--data", logs, "--checkpoints", checkpoints, "--split", "all", "--samples", 8, "--device", "cpu"]
    content = _evaluate(evaluation, *common, *options, "--out", tmp_path / "report.json", "--json")
    report = Report.read(tmp_path / "report.json")
    assert json.loads(report.as_json()) == content
    assert names <= {figure.name for figure in report.figures}
    for figure in report.figures:
        assert len(figure.protocol.reference) >= 64
        assert figure.protocol.num_samples in (4, 8)
        assert figure.value is None or figure.low <= figure.value <= figure.high or figure.low == figure.high


def test_footage_at_a_url_gives_the_figures_of_the_folder(
    logs: Path, checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # the copies are cached there
    fsspec.filesystem("memory").put(str(logs), "/measured", recursive=True)
    common = ["--checkpoints", checkpoints, "--split", "all", "--samples", 4, "--device", "cpu", "--json"]
    path, url = (_evaluate("reconstruction", "--data", data, *common) for data in (logs, "memory://measured"))
    assert path == url
    for verb in ("futures", "video", "decoder", "interpolation", "frames"):
        arguments = ["evaluate", verb, "--data", "memory://nothing", "--checkpoints", str(checkpoints)]
        with pytest.raises(FootageError, match="memory://nothing: "):
            runner.invoke(app, arguments, catch_exceptions=False)


def test_attributes_need_vehicles_whose_attributes_are_known(logs: Path, checkpoints: Path) -> None:
    arguments = ["attributes", "--data", logs, "--checkpoints", checkpoints, "--split", "all", "--samples", 4]
    with pytest.raises(FootageError, match="at least 50 are needed to train the classifier"):
        _evaluate(*arguments, "--device", "cpu", "--json")


def test_crowdedness_says_whether_layouts_were_drawn(
    logs: Path, tiny_checkpoints_with_layouts: Path, tmp_path: Path
) -> None:
    common = ["--data", logs, "--checkpoints", tiny_checkpoints_with_layouts, "--split", "all", "--samples", 4]
    common += ["--steps", 2, "--low", "--device", "cpu", "--json", "--out"]
    drawn = _evaluate("crowdedness", *common, tmp_path / "drawn.json")
    left = _evaluate("crowdedness", *common, tmp_path / "left.json", "--no-layouts")
    assert set(drawn["subject"]) == {*left["subject"], "layouts"}
    _evaluate("compare", tmp_path / "drawn.json", tmp_path / "left.json", "--json")


def test_different_protocols_do_not_compare(logs: Path, checkpoints: Path, tmp_path: Path) -> None:
    common = ["--data", logs, "--checkpoints", checkpoints, "--split", "all"]
    for samples in (6, 8):
        _evaluate("reconstruction", *common, "--samples", samples, "--out", tmp_path / f"{samples}.json", "--json")
    compare = ["evaluate", "compare", str(tmp_path / "8.json")]
    same = runner.invoke(app, [*compare, str(tmp_path / "8.json")], catch_exceptions=False)
    assert same.exit_code == 0
    assert "overlap" in same.stdout
    with pytest.raises(ProtocolMismatchError, match="num_samples: 8 against 6") as refusal:
        runner.invoke(app, [*compare, str(tmp_path / "6.json")], catch_exceptions=False)
    assert refusal.value.exit_code == 2


def test_other_checkpoints_under_one_protocol_compare(logs: Path, checkpoints: Path, tmp_path: Path) -> None:
    common = ["--data", logs, "--checkpoints", checkpoints, "--split", "all", "--samples", 6]
    _evaluate("reconstruction", *common, "--out", tmp_path / "one.json", "--json")
    report = Report.read(tmp_path / "one.json")
    figures = tuple(replace(f, value=f.value + 1, low=f.low + 1, high=f.high + 1) for f in report.figures)
    replace(report, subject={"autoencoder": "0" * 64}, figures=figures).write(tmp_path / "other.json")
    rows = _evaluate("compare", tmp_path / "one.json", tmp_path / "other.json", "--json")
    assert all(row["change"] == pytest.approx(1) for row in rows)


def test_what_is_missing_is_named(tiny_checkpoints: Path, checkpoints: Path, logs: Path) -> None:
    common = ["--data", str(logs), "--split", "all", "--checkpoints"]
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        runner.invoke(app, ["evaluate", "adherence", *common, str(tiny_checkpoints)], catch_exceptions=False)
    wrong = ["--conditions", "boxes,weather"]
    with pytest.raises(InputError, match="weather is not a condition"):
        runner.invoke(app, ["evaluate", "frames", *common, str(checkpoints), *wrong], catch_exceptions=False)
