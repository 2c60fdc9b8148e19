"""Picture sequences: times from names, from a table, from a rate."""

from __future__ import annotations

import pytest

from drivesim.data.ingest.formats.images import recordings
from drivesim.data.ingest.recording import Recording, Rejected
from drivesim.errors import FootageError


def the_times(footage, source_fps: float | None = None) -> list[float]:
    (recording,) = recordings(footage.folder, source_fps)
    assert isinstance(recording, Recording), recording
    return list(recording.media.times_s)


def test_seconds_in_names(footage, converted) -> None:
    for number in range(8):
        footage.picture(f"drive/{9.5 + 0.1 * number:.3f}.png", number)
    (recording,) = recordings(footage.folder)
    assert recording.name == "drive"
    assert recording.media.times_s == pytest.approx([9.5 + 0.1 * n for n in range(8)]), "by number, not by spelling"
    (log,) = converted([recording])
    assert log.num_frames == 8


@pytest.mark.parametrize("unit", [1000, 10**6, 10**9])
def test_units_since_1970(footage, unit: int) -> None:
    for number in range(3):
        footage.picture(f"{1479425441 * unit + number * unit // 20}.jpg", number)
    assert the_times(footage) == pytest.approx([0, 0.05, 0.1], abs=1e-9)


def test_frame_numbers_need_a_rate(footage) -> None:
    for number in (2, 10, 3):
        footage.picture(f"frame_{number}.jpg", number)
    (rejected,) = recordings(footage.folder)
    assert isinstance(rejected, Rejected)
    assert "--source-fps" in rejected.reason
    assert the_times(footage, 10) == pytest.approx([0.2, 0.3, 1.0])


def test_a_table(footage) -> None:
    for name in ("a.png", "b.png", "left_out.png"):
        footage.picture(name)
    footage.text("times.csv", "file,t_ns\nb.png,1479425441182877835\na.png,1479425441232877835\ngone.png,9\n")
    (recording,) = recordings(footage.folder)
    assert [path.name for path in recording.media.paths] == ["b.png", "a.png"]
    assert recording.media.times_s == pytest.approx([0, 0.05], abs=1e-9)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("name,time\n", "expected the columns"),
        ("file,time_s\na.png,now\n", "no table of times"),
        ("file,time_s\nb,1\n", "none"),
    ],
)
def test_broken_tables_are_named(footage, table: str, message: str) -> None:
    footage.picture("a.png")
    footage.text("times.csv", table)
    (rejected,) = recordings(footage.folder)
    assert message in rejected.reason


def test_no_pictures(tmp_path) -> None:
    with pytest.raises(FootageError, match="no pictures here"):
        list(recordings(tmp_path))
