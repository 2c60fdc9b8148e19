from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.archive import open_archive
from drivesim.cli.main import app
from drivesim.errors import CheckpointError, InputError

SCENARIO = """\
format: 1
name: short
boxes:
  - {category: car, xyxy: [400, 260, 520, 340]}
duration_s: 0.5
sampling: {steps: 2}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(SCENARIO)
    return path


def _run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_rollout_makes_archive_and_previews_with_json_on_stdout(file: Path, tiny_checkpoints: Path) -> None:
    out = file.parent / "out"
    options = ("--out", out, "--checkpoints", tiny_checkpoints, "--futures", 1, "--seed", 9, "--device", "cpu")
    result = _run("rollout", file, *options, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["futures"], document["seed"]) == (1, 9)
    assert result.stderr.splitlines() == ["future 0: window 1 of 1 done, 0 s left"]
    assert {Path(path).name for path in document["written"]} == {
        "contact_sheet.png",
        "future_00.mp4",
        "future_00.png",
        "report.html",
    }
    archive = open_archive(document["archive"])
    assert archive.complete
    assert len(archive.rollouts[0].frames) == 5


def test_a_gated_rollout_keeps_what_compose_tells_of_the_gate(file: Path, tiny_checkpoints_with_detector: Path) -> None:
    out, common = file.parent / "out", ("--checkpoints", tiny_checkpoints_with_detector, "--device", "cpu", "--gate", 3)
    result = _run("rollout", file, "--out", out, "--futures", 1, *common)
    assert result.exit_code == 0, result.output
    torch.set_num_threads(1)
    _run("compose", file, "--out", file.parent / "first.png", "--threads", 1, *common)
    record = json.loads((file.parent / "first_gate.json").read_text())
    assert open_archive(out / "short.zarr").rollouts[0].labels[0]["gate"] == record
    assert len(record["attempts"]) == 3
    kept = record["attempts"][record["kept"]]
    found, missing = (kept["outcome"].count(outcome) for outcome in ("found", "missing"))
    line = next(line for line in _run("inspect", out / "short.zarr").stdout.splitlines() if line.startswith("  gate "))
    for part in (f"kept attempt {record['kept'] + 1} of 3", f"{found} found", f"{missing} missing"):
        assert part in line


def test_a_gated_rollout_without_a_detector_is_one_line_and_leaves_nothing(file: Path, tiny_checkpoints: Path) -> None:
    result = _run("rollout", file, "--out", file.parent / "out", "--checkpoints", tiny_checkpoints, "--gate", 2)
    assert isinstance(result.exception, CheckpointError)
    assert "\n" not in str(result.exception)
    assert [path.name for path in file.parent.iterdir()] == ["short.yaml"]


def test_compose_writes_the_frame_with_and_without_boxes(file: Path, tiny_checkpoints: Path) -> None:
    out = file.parent / "new" / "first.png"
    result = _run("compose", file, "--out", out, "--checkpoints", tiny_checkpoints, "--threads", 1)
    assert result.exit_code == 0, result.output
    frame, drawn = cv2.imread(str(out)), cv2.imread(str(out.with_name("first_boxes.png")))
    assert frame.shape == drawn.shape == (128, 256, 3)
    assert not np.array_equal(frame, drawn)
    assert sorted(path.name for path in out.parent.iterdir()) == ["first.png", "first_boxes.png"]


def test_compose_in_bfloat16_is_another_picture_and_says_where_that_is_slow(
    file: Path, tiny_checkpoints: Path, monkeypatch
) -> None:
    pictures = {}
    for precision, has_instructions in (("float32", False), ("bfloat16", True), ("bfloat16", False)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has_instructions: has)
        out = file.parent / f"{precision}.png"
        common = ("--checkpoints", tiny_checkpoints, "--threads", 1, "--device", "cpu")
        result = _run("compose", file, "--out", out, "--precision", precision, *common)
        assert result.exit_code == 0, result.output
        slow = precision == "bfloat16" and not has_instructions
        assert ("this processor has no instructions for it" in result.stderr) == slow
        pictures[precision] = cv2.imread(str(out)).astype(int)
    difference = np.abs(pictures["float32"] - pictures["bfloat16"])
    assert 0 < difference.mean() < 8


def test_a_bfloat16_rollout_is_rendered_again_in_float32(file: Path, tiny_checkpoints: Path) -> None:
    common = ("--checkpoints", tiny_checkpoints, "--workers", 1)
    latents, again = file.parent / "latents", file.parent / "again"
    options = ("--futures", 1, "--device", "cpu", "--precision", "bfloat16", "--frames", "none")
    assert _run("rollout", file, "--out", latents, *options, *common).exit_code == 0
    result = _run("render", latents / "short.zarr", "--out", again, "--precision", "float32", *common)
    assert result.exit_code == 0, result.output
    settings = open_archive(again / "short.zarr").manifest.inputs["settings"]
    assert (settings["precision"], settings["frames_precision"]) == ("bfloat16", "float32")


@pytest.mark.parametrize("verb", ["compose", "rollout"])
def test_missing_checkpoints_are_an_input_error_and_leave_nothing(file: Path, verb: str) -> None:
    result = _run(verb, file, "--out", file.parent / "x.png", "--checkpoints", file.parent / "none")
    assert isinstance(result.exception, InputError)
    assert [path.name for path in file.parent.iterdir()] == ["short.yaml"]


def test_compose_refuses_other_formats_and_places(file: Path, tiny_checkpoints: Path) -> None:
    for out, said in (
        (file.parent / "x.jpg", "PNG"),
        (file / "x.png", "cannot be written here"),
        (file.parent / "d.png", "is a folder"),
    ):
        (file.parent / "d.png").mkdir(exist_ok=True)
        result = _run("compose", file, "--out", out, "--checkpoints", tiny_checkpoints)
        assert isinstance(result.exception, InputError)
        assert said in str(result.exception)


def test_a_device_that_is_not_there_is_an_input_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = _run("rollout", file, "--out", file.parent / "out", "--device", "cuda")
    assert isinstance(result.exception, InputError)
    assert "--device cpu" in str(result.exception)


def test_an_interrupted_rollout_says_that_the_same_command_continues(
    file: Path, tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("drivesim.rollout.running.run_rollout", interrupted)
    result = _run("rollout", file, "--out", file.parent / "out", "--checkpoints", tiny_checkpoints)
    assert result.exit_code == 130
    assert "run the same command again, it continues" in result.stderr


def test_boxes_are_drawn_on_exported_videos_and_pictures(file: Path, tiny_checkpoints_with_detector: Path) -> None:
    checkpoints = ("--checkpoints", tiny_checkpoints_with_detector)
    result = _run("rollout", file, "--out", file.parent / "out", "--futures", 1, "--device", "cpu", *checkpoints)
    archive, folder = file.parent / "out" / "short.zarr", file.parent / "exported"
    exported = ("export", archive, "--future", 0, *checkpoints)
    for name, boxes in (("plain", ()), ("boxes", ("--boxes",))):
        for format in ("png", "mp4"):
            result = _run(*exported, "--format", format, "--out", folder / name, *boxes)
            assert result.exit_code == 0, result.output
    plain, drawn = (cv2.imread(str(folder / name / "future_00" / "000000.png")) for name in ("plain", "boxes"))
    x0, y0, x1, y1 = (round(edge * 256 / 1024) for edge in (400, 260, 520, 340))  # the requested box
    outline = (drawn[y0, x0:x1], drawn[y1, x0:x1], drawn[y0:y1, x0], drawn[y0:y1, x1])
    assert (np.concatenate(outline) == (0, 215, 255)).all(1).any()  # a car's colour, BGR, where no detection covers it
    assert not np.array_equal(plain, drawn)
    assert (folder / "boxes" / "future_00.mp4").is_file()
    assert isinstance(_run(*exported, "--format", "coco", "--out", folder, "--boxes").exception, InputError)


def test_a_place_where_nothing_can_be_written_is_named_before_anything_is_made(file: Path, tmp_path: Path) -> None:
    result = _run("compose", file, "--out", "/proc/x.png", "--checkpoints", tmp_path / "none")
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith("/proc/x.png: cannot be written here")
    assert str(result.exception).endswith("choose another --out")
