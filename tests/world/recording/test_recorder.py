from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog, list_drive_logs
from drivesim.data.publishing import sweep
from drivesim.errors import FootageError, FootageWriteError
from drivesim.world.recording.log_session import RecordSession, record_logs, require_same_settings, run_session
from drivesim.world.recording.recorder import Recipe, log_name, record_drive_log
from drivesim.world.rendering.renderer import Renderer

CLIP = Recipe.clip(fps=10, num_frames=5, width=256, height=128)
STILLS = Recipe.single_frames(width=256, height=128)


@pytest.fixture(scope="module")
def renderer():
    return Renderer(256, 128)


def record(seed: int, recipe: Recipe, folder, renderer: Renderer) -> DriveLog:
    record_drive_log(seed, recipe, folder / log_name(seed), renderer)
    return DriveLog.open(folder / log_name(seed))


@pytest.mark.parametrize("recipe", [CLIP, STILLS], ids=["clip", "stills"])
def test_the_same_seed_gives_the_same_log_and_another_does_not(tmp_path, renderer, recipe):
    one = record(1, recipe, tmp_path / "a", renderer)
    other = record(2, recipe, tmp_path / "a", renderer)
    again = record(1, recipe, tmp_path / "b", renderer)
    assert one.labels == again.labels
    assert one.labels.frames != other.labels.frames
    pixels = [log.read(0, log.num_frames) for log in (one, again, other)]
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert np.abs(pixels[0].astype(int) - pixels[2]).mean() > 5


def test_a_clip_moves_as_its_labels_say(tmp_path, renderer):
    log = record(5, CLIP, tmp_path, renderer)
    assert [frame.time_s for frame in log.labels.frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert (log.labels.width, log.labels.height, log.labels.fps, log.labels.seed) == (256, 128, 10, 5)
    assert 1.3 <= log.labels.camera.height_m <= 1.6
    frames = log.read(0, 5).astype(int)
    assert all(np.abs(frames[i + 1] - frames[i]).mean() > 0.2 for i in range(4))


def test_boxes_lie_in_the_frame_and_in_their_amodal_boxes(tmp_path, renderer):
    logs = [record(seed, STILLS, tmp_path, renderer) for seed in range(8)]
    vehicles = [vehicle for log in logs for frame in log.labels.frames for vehicle in frame.vehicles]
    assert len(vehicles) > 20
    for vehicle in vehicles:
        x0, y0, x1, y1 = vehicle.box
        assert 0 <= x0 < x1 <= 256
        assert 0 <= y0 < y1 <= 128
        ax0, ay0, ax1, ay1 = vehicle.amodal_box
        assert ax0 - 1e-3 <= x0
        assert ay0 - 1e-3 <= y0
        assert x1 <= ax1 + 1e-3
        assert y1 <= ay1 + 1e-3
        assert 0 < vehicle.visible_fraction <= 1


def test_the_time_of_day_follows_the_seed_unless_given(tmp_path, renderer):
    drawn = [record(seed, STILLS, tmp_path / "drawn", renderer).labels.time_of_day for seed in range(12)]
    assert set(drawn) == {"day", "night"}
    night = Recipe.single_frames(width=256, height=128, time_of_day="night")
    assert {record(seed, night, tmp_path / "night", renderer).labels.time_of_day for seed in range(3)} == {"night"}


def test_a_session_goes_on_where_it_stopped(tmp_path):
    def run(num_logs: int, num_workers: int) -> dict[int, bool]:
        session = RecordSession(tmp_path, STILLS, 10, num_logs=num_logs, num_workers=num_workers)
        return {report.seed: report.existed for report in run_session(session)}

    assert run(2, 1) == {10: False, 11: False}
    first = (tmp_path / log_name(10) / "labels.json").stat().st_mtime_ns
    assert run(4, 2) == {10: True, 11: True, 12: False, 13: False}
    assert (tmp_path / log_name(10) / "labels.json").stat().st_mtime_ns == first
    logs = [log_name(seed) for seed in range(10, 14)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recording.json", *logs]


def test_a_session_without_an_end_is_refused(tmp_path):
    with pytest.raises(FootageError, match="minutes"):
        RecordSession(tmp_path, CLIP, 0)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FootageError, match="cannot write footage here"):
        list(run_session(RecordSession(tmp_path / "file" / "logs", CLIP, 0, num_logs=1)))


def one_log(folder: Path, seed: int = 0, num_logs: int = 2, **changes: object) -> RecordSession:
    recipe = Recipe.clip(num_frames=2, width=64, height=32, **changes)
    return RecordSession(folder, recipe, seed, num_logs=num_logs, num_workers=1)


def record_here(session: RecordSession) -> list[int]:
    """In this process; returns the seeds of new logs."""
    require_same_settings(session)
    sweep(session.folder)
    return [report.seed for report in record_logs(0, session, None) if not report.existed]


@pytest.mark.usefixtures("quick_worlds")
def test_a_kill_at_any_file_operation_leaves_whole_logs_and_the_same_bytes_in_the_end(folder, tree, killed_at):
    """The next run is killed too, at a place that wanders; a run over a finished folder changes nothing."""
    record_here(one_log(folder / "whole"))
    expected, seen = tree(folder / "whole"), set()
    for kill_at in itertools.count():
        if not killed_at(lambda: record_here(one_log(folder / "logs")), kill_at):
            break
        logs = list_drive_logs(folder / "logs")
        seen.add(len(logs))
        assert all(len(list(DriveLog.open(log).stream())) == 2 for log in logs)
        killed_at(lambda: record_here(one_log(folder / "logs")), kill_at * 37 % 47)
        for _ in range(2):
            record_here(one_log(folder / "logs"))
            assert tree(folder / "logs") == expected
        shutil.rmtree(folder / "logs")
    assert seen == {0, 1, 2}


@pytest.mark.usefixtures("quick_worlds")
def test_a_full_disk_is_named_and_recording_continues_once_there_is_room(folder, tree, on_small_disk):
    record_here(one_log(folder / "whole"))
    expected = tree(folder / "whole")

    def fill(disk) -> None:
        told = []
        for pages in range(1, 14):
            disk.resize(pages * 4096)
            try:
                record_here(one_log(disk.folder / "logs"))
            except FootageWriteError as error:
                told.append(str(error))
            assert all(len(list(DriveLog.open(log).stream())) == 2 for log in list_drive_logs(disk.folder))
            assert not list(disk.folder.rglob("*.partial"))
            disk.resize(2**22)
            record_here(one_log(disk.folder / "logs"))
            assert tree(disk.folder / "logs") == expected
            shutil.rmtree(disk.folder / "logs")
        assert len(told) > 4
        assert all("No space left on device; make room" in message for message in told), told

    on_small_disk(fill)


@pytest.mark.usefixtures("quick_worlds")
@pytest.mark.parametrize("note", [True, False], ids=["noted", "recorded before settings were noted"])
def test_logs_of_other_settings_are_not_mixed_in(tmp_path, note):
    assert record_here(one_log(tmp_path)) == [0, 1]
    assert record_here(one_log(tmp_path, seed=1)) == [2]
    if not note:
        (tmp_path / "recording.json").unlink()
    with pytest.raises(FootageError, match=r"other settings: fps 10\.0 \(asked for: 20"):
        record_here(one_log(tmp_path, seed=50, fps=20))
    larger = RecordSession(tmp_path, Recipe.clip(num_frames=3, width=128, height=64), 50, num_logs=1)
    with pytest.raises(FootageError, match=r"frames 2 \(asked for: 3\), size 32x64 \(asked for: 64x128\)"):
        record_here(larger)
    assert record_here(one_log(tmp_path, seed=3)) == [3, 4]


@pytest.mark.usefixtures("quick_worlds")
def test_time_of_day_and_supersampling_are_settings_too(tmp_path):
    record_here(one_log(tmp_path))
    with pytest.raises(FootageError, match=r"time_of_day drawn \(asked for: night\)"):
        record_here(one_log(tmp_path, seed=5, time_of_day="night"))
    with pytest.raises(FootageError, match=r"supersample 1 \(asked for: 2\)"):
        record_here(replace(one_log(tmp_path), supersample=2))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RecordSession(Path(), CLIP, -1, num_logs=1), "at least 0, got -1"),
        (lambda: RecordSession(Path(), CLIP, 0, num_logs=0), "must be positive"),
        (lambda: RecordSession(Path(), CLIP, 0, minutes=float("nan")), "must be positive"),
        (lambda: Recipe.clip(num_frames=0), "at least one frame"),
        (lambda: Recipe.single_frames(num_frames=0), "at least one frame"),
        (lambda: Recipe.clip(fps=float("nan")), "frame rate"),
        (lambda: Recipe.clip(fps=float("inf")), "frame rate"),
        (lambda: Recipe.clip(fps=0), "frame rate"),
        (lambda: Recipe.clip(width=200_000, height=100_000), "2048x4096 pixels, got 100000x200000"),
    ],
)
def test_values_that_cannot_be_are_refused(build, message):
    with pytest.raises(FootageError, match=message):
        build()


@pytest.mark.usefixtures("quick_worlds")
def test_time_is_counted_by_a_clock_that_nobody_sets(tmp_path, monkeypatch):
    clock = itertools.count(0.0, 1.0)
    monkeypatch.setattr("drivesim.world.recording.log_session.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("drivesim.world.recording.log_session.time.time", lambda: 0.0)
    session = replace(one_log(tmp_path), num_logs=None, minutes=1.0)
    require_same_settings(session)
    assert [report.seed for report in record_logs(0, session, 3.0)] == [0, 1, 2]
