from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drivesim.archive import ArchiveLayout, ArchiveWriter
from drivesim.cli.check import check
from drivesim.cli.export import export
from drivesim.cli.inspect import inspect
from drivesim.errors import ArchiveError, InputError

app = typer.Typer()
for verb in (inspect, check, export):
    app.command()(verb)


def run(*arguments: object) -> str:
    """Standard output of a command; an error is raised, as `drivesim.cli.main` would catch it."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False).stdout


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two futures of two windows; the second future has one of them."""
    layout = ArchiveLayout(2, 12, 8, 3, (16, 32, 3), (4, 2, 4), 10, 2.5)
    inputs = {"scenario": {"name": "tiny"}, "seed": 7}
    with ArchiveWriter.open(tmp_path / "tiny.zarr", inputs, layout, {"versions": {"drivesim": "0.1.0"}}) as writer:
        for future, window in ((0, 0), (0, 1), (1, 0)):
            frames = np.full((len(layout.frame_range(window)), 16, 32, 3), 100 * future, np.uint8)
            writer.commit(future, window, np.zeros((3, 4, 2, 4), np.float32), frames, {"window": window})
    return tmp_path / "tiny.zarr"


def test_inspect_shows_state_and_provenance(archive):
    text = run("inspect", archive)
    for part in ("interrupted", "32x16, 10 frames/s, 1.2 s", "12 of 12 frames", "8 of 12 frames", "drivesim = 0.1.0"):
        assert part in text
    facts = json.loads(run("inspect", archive, "--json"))
    assert facts["complete"] is False
    assert [future["committed_frames"] for future in facts["futures"]] == [12, 8]
    assert facts["inputs"] == {"scenario": {"name": "tiny"}, "seed": 7}
    assert facts["provenance"] == {"versions": {"drivesim": "0.1.0"}}


def test_inspect_of_a_strange_gate_record_is_a_line(tmp_path):
    layout = ArchiveLayout(1, 8, 8, 3, (16, 32, 3), (4, 2, 4), 10, 2.5)
    strange = [5, None, {}, {"kept": 3, "attempts": []}, {"kept": 0, "attempts": [{"outcome": 7}]}]
    for number, gate in enumerate(strange):
        with ArchiveWriter.open(tmp_path / f"{number}.zarr", {}, layout, {}) as writer:
            latents, frames = np.zeros((3, 4, 2, 4), np.float32), np.zeros((8, 16, 32, 3), np.uint8)
            writer.commit(0, 0, latents, frames, {"gate": gate})
        assert "not that of a gate" in run("inspect", tmp_path / f"{number}.zarr")


def test_check_names_each_damage_in_a_line(archive):
    assert "sound, 3 of 4 windows committed" in run("check", archive)
    assert "sound, 3 of 4 windows committed" in run("check", archive, "--read-data")
    chunk = archive / "rollouts/0001/frames/c.1.0.0.0"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(content)
    assert "sound" in run("check", archive)
    result = CliRunner().invoke(app, ["check", str(archive), "--read-data"])
    assert result.stdout.startswith("rollouts/0001/frames window 0: rollouts/0001/frames/c.1.0.0.0: ")
    assert len(result.stdout.splitlines()) == 1
    assert isinstance(result.exception, ArchiveError)
    assert result.exception.exit_code == 3


def test_inspect_of_a_damaged_chain_ends_as_damaged(archive):
    (archive / "rollouts/0000/_commit/000000.json").unlink()
    with pytest.raises(ArchiveError, match=r"window 0: rollouts/0000/_commit/000000\.json: the file is missing"):
        run("inspect", archive)


def test_export_writes_what_is_committed(archive, tmp_path):
    written = run("export", archive, "--format", "mp4", "--out", tmp_path / "mp4").split()
    assert written == [str(tmp_path / "mp4/future_00.mp4"), str(tmp_path / "mp4/future_01.mp4")]
    assert all(Path(path).stat().st_size for path in written)
    run("export", archive, "--format", "png", "--out", tmp_path / "png", "--future", 1)
    assert [path.name for path in (tmp_path / "png").iterdir()] == ["future_01"]
    assert len(list((tmp_path / "png/future_01").iterdir())) == 8


def test_a_removed_record_is_named_by_export_and_by_both_sides_of_a_comparison(archive, tmp_path):
    sound = tmp_path / "sound.zarr"
    shutil.copytree(archive, sound)
    (archive / "rollouts/0000/_commit/000001.json").unlink()
    damage = r"window 1: rollouts/0000/_commit/000001\.json: the file is missing"
    with pytest.raises(ArchiveError, match=damage):
        run("export", archive, "--format", "png", "--out", tmp_path / "png")
    assert len(list((tmp_path / "png/future_00").iterdir())) == 8  # what is committed
    with pytest.raises(ArchiveError, match=damage):
        run("check", sound, "--against", archive)
    (archive / "rollouts/0000/_commit/000000.json").unlink()
    with pytest.raises(ArchiveError, match=r"000000\.json: the file is missing"):
        run("export", archive, "--format", "png", "--out", tmp_path / "png", "--future", 0)


def test_wrong_arguments_are_named(archive, tmp_path):
    with pytest.raises(InputError, match="--future 2 does not exist"):
        run("export", archive, "--format", "mp4", "--out", tmp_path, "--future", 2)
    for command in (["inspect"], ["check"], ["export", "--format", "png", "--out", tmp_path]):
        with pytest.raises(InputError, match=r"absent\.zarr: does not exist"):
            run(*command, tmp_path / "absent.zarr")


def test_check_and_export_answer_in_json(archive, tmp_path):
    report = json.loads(run("check", archive, "--read-data", "--json"))
    assert report == {
        "archive": str(archive),
        "sound": True,
        "findings": [],
        "committed_windows": 3,
        "expected_windows": 4,
        "read_data": True,
    }
    report = json.loads(run("check", archive, "--against", archive, "--json"), parse_constant=pytest.fail)
    assert [(window["within_tolerance"], window["psnr_db"]) for window in report["against"]] == [(True, None)] * 3
    (archive / "rollouts/0001/frames/c.0.0.0.0").unlink()
    result = CliRunner().invoke(app, ["check", str(archive), "--json"])
    assert isinstance(result.exception, ArchiveError)
    damage = json.loads(result.stdout)
    assert damage["sound"] is False
    assert "the file is missing" in damage["findings"][0]
    written = json.loads(run("export", archive, "--format", "png", "--out", tmp_path / "png", "--future", 0, "--json"))
    assert written["written"] == [str(tmp_path / "png" / "future_00")]


def test_export_of_a_damaged_archive_names_what_it_wrote(archive, tmp_path):
    (archive / "rollouts/0000/_commit/000001.json").unlink()
    result = CliRunner().invoke(app, ["export", str(archive), "--format", "png", "--out", str(tmp_path), "--json"])
    assert isinstance(result.exception, ArchiveError)
    assert json.loads(result.stdout)["written"] == [str(tmp_path / "future_00"), str(tmp_path / "future_01")]


@pytest.mark.parametrize("verb", [["inspect"], ["check"], ["export", "--format", "png", "--out", "x"]])
def test_the_folder_of_an_archive_is_no_damaged_archive(archive, verb):
    with pytest.raises(InputError, match=r"is not an archive; it holds tiny\.zarr; name one of them"):
        run(*verb, archive.parent)


def test_an_archive_of_another_rollout_is_not_compared(archive, tmp_path):
    layout = ArchiveLayout(2, 12, 8, 3, (16, 32, 3), (4, 2, 4), 10, 2.5)
    with ArchiveWriter.open(tmp_path / "other.zarr", {"seed": 8}, layout, {}):
        pass
    with pytest.raises(InputError, match=r"--against .*other\.zarr: ") as refused:
        run("check", archive, "--against", tmp_path / "other.zarr")
    assert "--out" not in str(refused.value)
