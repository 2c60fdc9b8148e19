"""Plain videos: times, rotation, frozen and missing frames, tables beside them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.ingest.formats.motion_table import Steering, read_motion_table
from drivesim.data.ingest.formats.video import VideoOptions, recordings
from drivesim.data.ingest.media.orientation import Orientation, orientation_of, oriented
from drivesim.data.ingest.recording import Rejected
from drivesim.data.ingest.settings import CameraSettings, IngestSettings
from drivesim.errors import FootageError


def shift_of(frame: np.ndarray, first: np.ndarray) -> int:
    """By how many pixels the pattern of a frame has moved."""
    line, reference = (f[..., 1].astype(float).mean(0) for f in (frame, first))
    width = len(line)
    errors = [np.abs(line[s:] - reference[: width - s]).mean() for s in range(width // 2)]
    return int(np.argmin(errors))


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [
        ("a.mp4", "libx264", None),
        ("a.mkv", "libx264", None),
        ("a.mov", "libx265", None),
        ("a.avi", "mpeg4", None),
        ("a.ts", "libx264", "mpegts"),
    ],
)
def test_containers(footage, converted, name: str, codec: str, format: str | None) -> None:
    video = footage.video(name, 40, codec=codec, format=format)
    (log,) = converted(recordings(video, VideoOptions()))
    assert log.name == "a~000"
    assert (log.num_frames, log.labels.fps, log.labels.format) == (20, 10, 2)
    assert (log.labels.width, log.labels.height) == (320, 160)
    frames = log.read(0, 20)
    assert shift_of(frames[3], frames[0]) == pytest.approx(30, abs=1)
    assert log.labels.frames[3].vehicles is None
    assert log.labels.frames[3].ego_speed_mps is None


def test_an_avi_with_frames_out_of_order(footage, converted) -> None:
    """AVI has no times of display, so those of frames that are encoded out of order come from their order."""
    video = footage.video("b.avi", 40, format="avi", b_frames=2)
    (log,) = converted(recordings(video, VideoOptions()))
    frames = log.read(0, log.num_frames)
    assert log.num_frames == 20
    shifts = [shift_of(frame, frames[0]) for frame in frames[:13]]
    assert np.abs(np.array(shifts) - 10 * np.arange(13)).max() <= 1


def test_a_file_with_each_frame_twice_has_half_its_rate(footage, converted) -> None:
    pictures = [footage.frame(2 * (n // 2)) for n in range(60)]
    (log,) = converted(recordings(footage.video("d.mp4", pictures, fps=10), VideoOptions()))
    frames = log.read(0, log.num_frames)
    assert (log.num_frames, log.labels.fps) == (30, 5)
    assert [shift_of(frame, frames[0]) for frame in frames[:5]] == pytest.approx([0, 10, 20, 30, 40], abs=1)


def test_a_bare_stream_needs_its_rate(footage, converted) -> None:
    video = footage.video("a.hevc", 40, codec="libx265", format="hevc")
    with pytest.raises(FootageError, match="--source-fps"):
        converted(recordings(video, VideoOptions()))
    (log,) = converted(recordings(video, VideoOptions(source_fps=20)))
    frames = log.read(0, log.num_frames)
    assert log.num_frames == 20
    assert shift_of(frames[2], frames[0]) == pytest.approx(20, abs=1)


def test_variable_rates_go_by_time(footage, converted) -> None:
    """The pattern moves with time, not with the number of the frame."""
    times = np.concatenate([np.arange(0, 1, 1 / 30), np.arange(1, 2, 1 / 15), np.arange(2, 3, 1 / 20)])
    pictures = [footage.frame(round(20 * time)) for time in times]
    (log,) = converted(recordings(footage.video("v.mp4", pictures, times), VideoOptions()))
    frames = log.read(0, log.num_frames)
    shifts = [shift_of(frame, frames[0]) for frame in frames[:13]]
    assert np.abs(np.array(shifts) - 10 * np.arange(13)).max() <= 6


def test_frozen_frames_cut_a_recording(footage, converted) -> None:
    pictures = [footage.frame(n if n < 40 else max(40, n - 30)) for n in range(110)]
    logs = converted(recordings(footage.video("f.mp4", pictures), VideoOptions()))
    assert [log.num_frames for log in logs] == [21, 20]
    assert logs[1].labels.provenance.start_s == pytest.approx(71 / 20, abs=0.11)


def test_long_recordings_become_several_logs(footage, converted) -> None:
    settings = IngestSettings(seconds_per_log=1)
    logs = converted(recordings(footage.video(frames=60), VideoOptions()), settings)
    assert [log.num_frames for log in logs] == [10, 10, 10]
    assert [log.labels.provenance.start_s for log in logs] == pytest.approx([0, 1, 2])


def display_matrix(video: Path, matrix: tuple[float, ...]) -> None:
    """Writes another display matrix into the track header of an mp4 (ISO/IEC 14496-12, 8.3.2, version 0)."""
    content = bytearray(video.read_bytes())
    place = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    fixed = [
        round(value * (1 << (30 if column == 2 else 16))) for value, column in zip(matrix, [0, 1, 2] * 3, strict=True)
    ]
    content[place : place + 36] = struct.pack(">9i", *fixed)
    video.write_bytes(content)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, 0, -1, 0, 0, 320, 0, 1), lambda f: np.rot90(f, -1)),  # a phone held upright: clockwise
        ((0, -1, 0, 1, 0, 0, 0, 640, 1), lambda f: np.rot90(f, 1)),
        ((-1, 0, 0, 0, -1, 0, 640, 320, 1), lambda f: np.rot90(f, 2)),
        ((-1, 0, 0, 0, 1, 0, 640, 0, 1), lambda f: f[:, ::-1]),
    ],
)
def test_display_matrices_are_honoured(footage, converted, matrix, turned) -> None:
    pictures = [footage.frame(number, 320, 640) for number in range(8)]
    video = footage.video("r.mp4", pictures)
    display_matrix(video, matrix)
    (log,) = converted(recordings(video, VideoOptions()))
    expected = turned(pictures[0])
    rows = min(expected.shape[0], expected.shape[1] // 2) // 2 * 2
    top, left = (expected.shape[0] - rows) // 2, (expected.shape[1] - 2 * rows) // 2
    crop = expected[top : top + rows, left : left + 2 * rows].astype(int)
    assert np.abs(log.read(0, 1)[0] - crop).mean() < 12


def test_orientation_puts_pixels_where_the_matrix_says() -> None:
    pixels = np.arange(6).reshape(2, 3, 1)
    for a, b, c, d in [
        (1, 0, 0, 1),
        (0, 1, -1, 0),
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (0, 1, 1, 0),
    ]:
        shown = oriented(pixels, orientation_of((a, b, 0, c, d, 0, 0, 0, 1)))
        places = {(a * p + c * q, b * p + d * q): pixels[q, p, 0] for q in range(2) for p in range(3)}
        x0, y0 = min(x for x, _ in places), min(y for _, y in places)
        for (x, y), value in places.items():
            assert shown[y - y0, x - x0, 0] == value
    assert orientation_of((0,) * 9) == Orientation()


@pytest.mark.parametrize(("rows", "kr", "kb"), [(720, 0.2126, 0.0722), (320, 0.299, 0.114)])
def test_high_definition_keeps_its_colours(footage, converted, rows: int, kr: float, kb: float) -> None:
    """A file that does not name its colour space is BT.709 where it is large, BT.601 where it is small."""
    red, green, blue = 200, 60, 40
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = ((blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr))
    planes = (16 + luma * 219 / 255, *(128 + value * 224 / 255 for value in chroma))
    (log,) = converted(recordings(_flat_video(footage.folder / "c.mp4", rows, planes), VideoOptions()))
    assert np.abs(log.read(0, 1)[0, 100:].mean((0, 1)) - (red, green, blue)).max() < 6  # the other matrix is off by 12


def _flat_video(path: Path, rows: int, planes: tuple[float, ...]) -> Path:
    import av

    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 2 * rows, rows, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame(2 * rows, rows, "yuv420p")
            for plane, value in zip(frame.planes, planes, strict=True):
                data = np.full((plane.height, plane.line_size), round(value), np.uint8)
                if plane is frame.planes[0] or plane.width == 2 * rows:
                    data[: plane.height // 8, : 40 * (number + 1)] = 235  # so that frames differ
                plane.update(data.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_table_gives_times_and_motion(footage, converted) -> None:
    """One row per frame: capture times in nanoseconds since 1970, which a float cannot hold."""
    video = footage.video(frames=40, fps=30)
    start = 1479425441182877835
    rows = [{"t_ns": start + 50_000_000 * n, "steering_rad": 0.32, "speed_kmh": 36.0 + n} for n in range(40)]
    footage.text("drive.json", json.dumps(rows))
    options = VideoOptions(steering=Steering(wheelbase_m=2.8, ratio=16))
    (log,) = converted(recordings(video, options))
    assert log.num_frames == 20
    assert log.labels.provenance.ego_motion == "steering"
    speeds = [frame.ego_speed_mps for frame in log.labels.frames]
    assert speeds == pytest.approx([(36 + 2 * tick) / 3.6 for tick in range(20)])
    expected = [speed * np.tan(0.02) / 2.8 for speed in speeds]
    assert [frame.ego_yaw_rate_radps for frame in log.labels.frames] == pytest.approx(expected)


def test_a_table_of_measurements_is_interpolated(footage, converted) -> None:
    video = footage.video(frames=40)
    footage.text("drive.csv", "time_s, speed_mps, yaw_rate_degps\n0,10,\n0.4,14,5.729577951\n0.8,18,0\n1.6,10,0\n")
    (log,) = converted(recordings(video, VideoOptions()))
    frames = log.labels.frames
    assert frames[2].ego_speed_mps == pytest.approx(12)
    assert frames[2].ego_yaw_rate_radps is None
    assert frames[6].ego_yaw_rate_radps == pytest.approx(0.05)
    assert frames[12].ego_speed_mps is None, "0.8 s between measurements are too long"
    assert log.labels.provenance.ego_motion == "measured"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("speed_mps\n1\n", "expected a column `t_ns` or `time_s`"),
        ("time_s,speed_mps\n0,1\n0,2\n", "do not ascend"),
        ("time_s,speed_mps\n0,fast\n", "row 1: `speed_mps` is no number"),
        ("time_s,speed_mps\nnan,1\n", "row 1: `time_s` is no number"),
        ("", "no rows"),
    ],
)
def test_broken_tables_are_named(footage, content: str, message: str) -> None:
    video = footage.video(frames=4)
    table = footage.text("drive.csv", content)
    with pytest.raises(FootageError, match=message):
        read_motion_table(table)
    (rejected,) = recordings(video, VideoOptions())
    assert isinstance(rejected, Rejected)
    assert str(table) in rejected.reason


def test_too_many_frames_for_a_table(footage, converted) -> None:
    video = footage.video(frames=40)
    rows = [{"t_ns": 50_000_000 * number} for number in range(30)]
    footage.text("drive.json", json.dumps(rows))
    with pytest.raises(FootageError, match="more frames than the 30 times"):
        converted(recordings(video, VideoOptions()))


def test_camera_and_time_of_day(footage, converted) -> None:
    settings = IngestSettings(camera=CameraSettings(np.deg2rad(60), 1.4, 0.01))
    (log,) = converted(recordings(footage.video(), VideoOptions()), settings)
    assert log.labels.camera.horizontal_fov_rad == pytest.approx(np.deg2rad(60))
    assert log.labels.camera.height_m == 1.4
    assert log.labels.time_of_day == "day"
    assert log.labels.provenance.time_of_day == "luminance"


def test_night_dusk_and_day(footage, converted) -> None:
    for name, factor in (("night", 0.2), ("dusk", 0.45), ("day", 1.0)):
        pictures = [(footage.frame(number) * factor).astype(np.uint8) for number in range(8)]
        footage.video(f"{name}.mp4", pictures)
    found = {log.name: log.labels.time_of_day for log in converted(recordings(footage.folder, VideoOptions()))}
    assert found == {"day~000": "day", "dusk~000": None, "night~000": "night"}


def test_a_bright_road_below_dark_trees_is_not_night(footage, converted) -> None:
    def below_trees(number: int) -> np.ndarray:
        picture = footage.frame(number).astype(float)
        picture[:80] *= 0.2
        return picture.astype(np.uint8)

    (log,) = converted(recordings(footage.video(frames=[below_trees(n) for n in range(8)]), VideoOptions()))
    assert log.labels.time_of_day is None


def test_a_mask_hides_pixels(footage, converted) -> None:
    import cv2

    mask = np.full((160, 320), 255, np.uint8)
    mask[120:] = 0
    path = footage.folder / "mask.png"
    video = footage.video()
    cv2.imwrite(str(path), mask)
    (log,) = converted(recordings(video, VideoOptions()), IngestSettings(mask=path))
    frame = log.read(0, 1)[0]
    assert frame[125:].max() < 20
    assert frame[:115].mean() > 100


def test_no_videos(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="no videos here"):
        list(recordings(tmp_path, VideoOptions()))
