"""CVAT for video: frames counted in the video, steps, boxes that are outside, interpolation."""

from __future__ import annotations

import pytest

from drivesim.data.ingest.formats.cvat import recordings
from drivesim.data.ingest.recording import Rejected


def annotations(
    tracks: str, task: str = "<size>40</size><start_frame>0</start_frame><stop_frame>39</stop_frame>"
) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><task><id>5</id><name>drive</name><mode>interpolation</mode>{task}<frame_filter></frame_filter>
<original_size><width>320</width><height>160</height></original_size><source>drive.mp4</source></task></meta>
{tracks}</annotations>"""


def box(frame: int, left: float, outside: int = 0, keyframe: int = 1, occluded: int = 0) -> str:
    return (
        f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="{occluded}" '
        f'xtl="{left}" ytl="40.00" xbr="{left + 50}" ybr="80.00" z_order="0"></box>'
    )


def track(number: int, label: str, *boxes: str) -> str:
    return f'<track id="{number}" label="{label}" source="manual">{"".join(boxes)}</track>'


def test_tracks(footage, converted) -> None:
    video = footage.video("drive.mp4", 40)
    tracks = [
        track(0, "car", box(0, 10), box(1, 12, keyframe=0), box(4, 30, occluded=1), box(6, 99, outside=1)),
        track(1, "person", box(0, 10)),
        track(2, "Truck", box(30, 100), box(38, 180)),
    ]
    path = footage.text("drive.xml", annotations("".join(tracks)))
    (recording,) = recordings(path)
    assert recording.media.path == video
    lefts = {frame: [v.box[0] for v in found] for frame, found in recording.vehicles.items() if found}
    # Between the boxes at 1 and 4 missing ones lie on the line; before one that is outside, the last holds.
    expected = {0: [10], 1: [12], 2: [18], 3: [24], 4: [30], 5: [30]}
    expected |= {frame: [100 + 10 * (frame - 30)] for frame in range(30, 39)}
    assert lefts == {frame: pytest.approx(left) for frame, left in expected.items()}
    assert recording.vehicles[4][0].visible_fraction is None
    assert recording.vehicles[3][0].visible_fraction == 1
    assert recording.vehicles[39] == (), "annotated, and nothing there"
    (log,) = converted([recording])
    # At 20 frames a second, tick 16 is frame 32.
    assert log.labels.frames[16].vehicles[0].box == pytest.approx((120, 40, 170, 80))
    assert log.labels.frames[16].vehicles[0].category == "truck"


def test_a_task_with_a_step_counts_the_frames_of_the_video(footage) -> None:
    footage.video("drive.mp4", 40)
    task = "<size>4</size><start_frame>10</start_frame><stop_frame>25</stop_frame>"
    content = annotations(track(0, "car", box(10, 0), box(15, 10), box(25, 30)), task)
    content = content.replace("<frame_filter></frame_filter>", "<frame_filter>step=5</frame_filter>")
    (recording,) = recordings(footage.text("drive.xml", content))
    assert {frame: [v.box[0] for v in found] for frame, found in recording.vehicles.items()} == {
        10: [0],
        15: [10],
        20: [20],
        25: [30],
    }


def test_exported_pictures_are_numbered_within_the_task(footage, converted) -> None:
    for number in range(4):
        footage.picture(f"task/images/frame_{number:06d}.png", number)
    task = "<size>4</size><start_frame>10</start_frame><stop_frame>25</stop_frame>"
    content = annotations(track(0, "bus", box(10, 0), box(25, 30)), task)
    content = content.replace("<frame_filter></frame_filter>", "<frame_filter>step=5</frame_filter>")
    path = footage.text("task/annotations.xml", content)
    (recording,) = recordings(path, source_fps=10)
    assert recording.name == "task"
    (log,) = converted([recording])
    assert [frame.vehicles[0].box[0] for frame in log.labels.frames] == pytest.approx([0, 10, 20, 30])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotations><image/></annotations>", "expected annotations of `CVAT for video`"),
        ("<annotations></annotations>", "expected meta with task or job"),
        (annotations(track(0, "car", box(0, 1).replace('xtl="1"', 'xtl="left"'))), "expected a number in xtl"),
        (annotations("", "<size>many</size>"), "expected numbers in size"),
        (
            annotations("", "<size>1</size><stop_frame>999999999999</stop_frame>"),
            "a task of the frames 0 to 999999999999",
        ),
        (annotations("<track>"), "no XML as expected"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "declares entities"),
    ],
)
def test_broken_files_are_named(footage, content: str, message: str) -> None:
    footage.video("drive.mp4", 2)
    path = footage.text("drive.xml", content)
    (rejected,) = recordings(path)
    assert isinstance(rejected, Rejected)
    assert str(path) in rejected.reason
    assert message in rejected.reason


def test_a_missing_video_is_named(footage) -> None:
    (rejected,) = recordings(footage.text("drive.xml", annotations("")))
    assert "neither drive.mp4 nor the folder images" in rejected.reason
