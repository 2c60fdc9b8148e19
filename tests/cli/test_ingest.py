"""`drivesim ingest` as users call it."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLog
from drivesim.errors import DrivesimError, InputError


def write_video(path: Path, num_frames: int = 20) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 256, 128, "yuv420p"
        for number in range(num_frames):
            picture = np.full((128, 256, 3), 200, np.uint8)
            picture[40:80, 10 * number : 10 * number + 40] = 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def ingest(*arguments: object):
    return CliRunner().invoke(app, ["ingest", *map(str, arguments)])


def test_a_folder_of_videos_with_one_that_is_broken(tmp_path: Path) -> None:
    """Exit code 1, the broken one named with its reason, and the other ingested."""
    source = tmp_path / "source"
    source.mkdir()
    write_video(source / "good.mp4")
    (source / "bad.mkv").write_bytes(b"nothing")
    (source / "good.csv").write_text("time_s,speed_kmh,yaw_rate_radps\n0,36,0.1\n2,36,0.1\n0.5,1,1\n")
    result = ingest("video", source, "--out", tmp_path / "logs", "--workers", 1, "--json", "--no-tables")
    assert result.exit_code == 1, result.output
    summary = json.loads(result.stdout)
    assert set(summary["rejected"]) == {"bad"}
    assert summary["logs"] == 1
    assert DriveLog.open(tmp_path / "logs" / "good~000").num_frames == 20
    assert (tmp_path / "logs" / "contact_sheet.png").is_file()
    assert json.loads((tmp_path / "logs" / "summary.json").read_text())["frames"] == 20
    again = ingest("video", source / "good.mp4", "--out", tmp_path / "logs", "--workers", 1, "--no-tables")
    assert again.exit_code == 0
    assert "20 frames" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--odometry"], "field of view and its height"),
        (["--camera-height", "1.4"], "need --fov"),
        (["--wheelbase", "2.8"], "give both"),
        (["--width", "1023"], "width of 256 to 4096"),
        (["--mask", "nowhere.png"], "nowhere.png"),
        (["--held-out", "other"], "no recording called other"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "bad.mp4").write_bytes(b"")
    result = ingest("video", tmp_path / "source", "--out", tmp_path / "logs", "--workers", 1, *arguments)
    assert isinstance(result.exception, DrivesimError)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


@pytest.mark.parametrize("format", ["video", "images", "nuscenes", "kitti-raw", "kitti-tracking", "comma2k19", "waymo"])
def test_a_folder_of_something_else(tmp_path: Path, format: str) -> None:
    (tmp_path / "source").mkdir()
    result = ingest(format, tmp_path / "source", "--out", tmp_path / "logs")
    assert isinstance(result.exception, InputError)
    assert str(tmp_path / "source") in str(result.exception)
