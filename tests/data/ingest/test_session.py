"""An ingest as a whole: resumed after kills, refused with other settings, redone where a source has changed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivesim.data.drive_log import DriveLog, list_drive_logs, split_of
from drivesim.data.ingest.recording import Recording, Rejected, VideoFile
from drivesim.data.ingest.session import Ingested, held_out, ingest, safe_name
from drivesim.data.ingest.settings import IngestSettings
from drivesim.data.ingest.summary import summarized, write_contact_sheet, write_summary
from drivesim.errors import FootageError
from file_digests import file_digests

SETTINGS = IngestSettings(seconds_per_log=1)


def found(*videos: Path) -> Iterator[Recording]:
    return (Recording(video.stem, "video", VideoFile(video)) for video in videos)


def run(videos: list[Path], out: Path, settings: IngestSettings = SETTINGS, workers: int = 1) -> dict[str, Ingested]:
    events = ingest(found(*videos), out, settings, workers)
    return {event.name: event for event in events if isinstance(event, Ingested)}


def digests(out: Path) -> dict[str, str]:
    """Returns path -> sha256 of every file of the drive logs."""
    return file_digests(out, "*~*/*")


def test_again_and_with_more_workers(footage, tmp_path: Path) -> None:
    videos = [footage.video(f"{name}.mp4", 50) for name in "ab"]
    first = run(videos, tmp_path / "one", workers=1)
    assert {name: item.logs for name, item in first.items()} == {
        name: tuple(f"{name}~{number:03d}" for number in range(3)) for name in "ab"
    }
    run(videos, tmp_path / "two", workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")}
    again = run(videos, tmp_path / "one")
    assert all(item.existed for item in again.values())
    assert [item.logs for item in again.values()] == [item.logs for item in first.values()]
    unchanged = {path: time for path, time in before.items() if path.is_file()}
    assert {path: path.stat().st_mtime_ns for path in unchanged} == unchanged


def _ingest_in_a_group(videos: list[Path], out: Path) -> None:
    os.setpgid(0, 0)
    run(videos, out)


def test_killed_and_continued(footage, tmp_path: Path) -> None:
    """After a kill at whatever moment there are whole logs only; the same command ends with the same bytes."""
    video = footage.video("drive.mp4", [footage.frame(number, 256, 512) for number in range(120)])
    run([video], tmp_path / "whole")
    context = multiprocessing.get_context("fork")
    out = tmp_path / "killed"
    process = context.Process(target=_ingest_in_a_group, args=([video], out))
    process.start()
    while process.is_alive() and len(list(out.glob("*~*"))) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    for folder in list_drive_logs(out):
        log = DriveLog.open(folder)
        assert sum(1 for _ in log.stream()) == log.num_frames
    run([video], out)
    assert digests(out) == digests(tmp_path / "whole")
    assert not [path for path in out.iterdir() if path.name.startswith(".") and path.name != ".ingest"]


def test_a_source_that_changed_is_done_again(footage, tmp_path: Path) -> None:
    video = footage.video("drive.mp4", 60)
    run([video], tmp_path / "logs")
    footage.video("drive.mp4", 20)
    (item,) = run([video], tmp_path / "logs").values()
    assert (item.existed, item.logs) == (False, ("drive~000",))
    assert [path.name for path in list_drive_logs(tmp_path / "logs")] == ["drive~000"]


def test_other_settings_are_refused(footage, tmp_path: Path) -> None:
    video = footage.video("drive.mp4", 20)
    run([video], tmp_path / "logs")
    with pytest.raises(FootageError, match=r"other settings: fps 10\.0 \(asked for: 5\)"):
        run([video], tmp_path / "logs", IngestSettings(fps=5, seconds_per_log=1))


def test_names(footage, tmp_path: Path) -> None:
    """Names are safe, apart, and the user's choice of what is held out goes through all parts of a recording."""
    video = footage.video("drive.mp4", 30)
    names = ["a|b/c", "a b c", "x" * 200, "keep"]
    recordings = [Recording(name, "video", VideoFile(video)) for name in names]
    events = ingest(held_out(recordings, ["keep"]), tmp_path / "logs", SETTINGS, 1)
    made = [log for event in events if isinstance(event, Ingested) for log in event.logs]
    assert {"a_b_c~000", "a_b_c-2~000", "held_out_keep~000", "held_out_keep~001"} <= set(made)
    assert len(set(made)) == 8
    assert {split_of(name) for name in made if name.startswith("held_out_keep~")} == {"held_out"}
    assert all(split_of(f"r{i}~000") == split_of(f"r{i}~017") for i in range(300))
    assert {split_of(f"r{i}~000") for i in range(300)} == {"train", "held_out"}
    with pytest.raises(FootageError, match="no recording called other"):
        list(held_out(recordings, ["other"]))
    assert safe_name("../../etc") == "etc"


def test_rejected_recordings_are_named(footage, tmp_path: Path) -> None:
    good = footage.video("good.mp4", 20)
    bad = footage.text("bad.mp4", "nothing")
    items = [Rejected("label", "its labels are broken"), *found(good, bad)]
    done = [event for event in ingest(items, tmp_path / "logs", SETTINGS, 1) if isinstance(event, Ingested)]
    assert {item.name: item.state for item in done} == {"label": "rejected", "good": "done", "bad": "rejected"}
    summary = summarized(tmp_path / "logs", done)
    assert set(summary.rejected) == {"label", "bad"}
    assert str(bad) in summary.rejected["bad"]
    assert (summary.logs, summary.frames, summary.boxes) == (1, 10, 0)
    assert summary.time_of_day == {"day": pytest.approx(10 / 36000, abs=1e-4)}
    assert write_summary(summary, tmp_path / "logs").read_text().startswith("{")
    assert write_contact_sheet(tmp_path / "logs").is_file()
    assert write_contact_sheet(tmp_path / "nothing") is None


def test_a_full_disk_is_one_line_and_continues(footage, tmp_path: Path, on_small_disk) -> None:
    from drivesim.errors import FootageWriteError

    video = footage.video("drive.mp4", 60)
    run([video], tmp_path / "whole")

    def fill(disk) -> None:
        disk.resize(30_000)
        with pytest.raises(FootageWriteError, match="make room"):
            run([video], disk.folder / "logs")
        disk.resize(50_000_000)
        run([video], disk.folder / "logs")
        assert digests(disk.folder / "logs") == digests(tmp_path / "whole")

    on_small_disk(fill)
