from __future__ import annotations

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog
from drivesim.errors import FootageError
from drivesim.world.record_session import RecordSession, run_session
from drivesim.world.recorder import Recipe, log_name, record_drive_log
from drivesim.world.renderer import Renderer

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
