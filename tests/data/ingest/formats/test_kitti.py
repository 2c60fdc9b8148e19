"""KITTI raw and tracking: columns, time stamps, coordinate frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.data.ingest.formats import kitti_raw, kitti_tracking
from drivesim.data.ingest.recording import Rejected
from drivesim.errors import FootageError

FOCAL, CENTRE = 700.0, (600.0, 180.0)
BASELINE = 45.0
PROJECTION = f"{FOCAL} 0 {CENTRE[0]} {BASELINE} 0 {FOCAL} {CENTRE[1]} 0 0 0 1 0"


def oxts_line(speed: float, yaw_rate: float) -> str:
    """Thirty values, of which all but two are wrong for those who count badly."""
    values = [100.0 + place for place in range(30)]
    values[8], values[22] = speed, yaw_rate
    return " ".join(map(str, values))


@pytest.fixture
def tracking(footage) -> Path:
    for frame in (0, 1, 2, 4):
        footage.picture(f"training/image_02/0007/{frame:06d}.png", frame, 188, 620)
    lines = [
        "0 -1 DontCare -1 -1 -10 5 5 50 50 -1000 -1000 -1000 -10 -1 -1 -1",
        # A car 4 m long, 1.6 m wide, 1.5 m high, whose rear is 18 m ahead: it looks along z, turned by -90° about y.
        "0 3 Car 0 0 -1.57 100.5 50.25 200 120 1.5 1.6 4.0 0.0 1.65 20.0 -1.5707963",
        "1 3 Car 0 1 -1.57 110 50 210 120 1.5 1.6 4.0 0.0 1.65 19.0 -1.5707963",
        "1 4 Pedestrian 0 0 0 300 50 320 120 1.7 0.5 0.5 5 1.65 20 0",
        "4 5 Van 0 3 0 300 50 400 120 2.0 1.8 5.0 5 1.65 20 0",
    ]
    footage.text("training/label_02/0007.txt", "\n".join(lines) + "\n")
    footage.text("training/oxts/0007.txt", "\n".join(oxts_line(10 + n, 0.1 * n) for n in range(5)) + "\n")
    footage.text("training/calib/0007.txt", f"P0: {PROJECTION}\nP2: {PROJECTION}\n")
    return footage.folder


def test_tracking_labels(tracking: Path) -> None:
    (recording,) = kitti_tracking.recordings(tracking)
    assert recording.media.times_s == pytest.approx([0, 0.1, 0.2, 0.4]), "frame 3 is missing"
    (car,) = recording.vehicles[0]
    assert (car.track_id, car.category, car.box) == (3, "car", (100.5, 50.25, 200, 120))
    assert car.visible_fraction == 1
    # Its nearest edge is at the height of its bonnet's bottom; the camera looks from 1.65 m above the road, so the top
    # edge, 0.15 m below it, is nearest: 18 m ahead.
    assert car.distance_m == pytest.approx(np.hypot(18, 0.15), abs=1e-4)
    assert recording.vehicles[1][0].visible_fraction == 0.6
    assert len(recording.vehicles[1]) == 1
    assert recording.vehicles[2] == ()
    (van,) = recording.vehicles[3]
    assert (van.category, van.visible_fraction) == ("van", None)


def test_tracking_motion_and_camera(tracking: Path, converted) -> None:
    (recording,) = kitti_tracking.recordings(tracking)
    assert recording.camera.focal_px == FOCAL
    assert recording.ego_motion.speed_mps == (10, 11, 12, 13, 14)
    assert recording.ego_motion.yaw_rate_radps == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    (log,) = converted([recording])
    assert log.num_frames == 3, "a gap of 0.2 s ends the log, and a single frame is left out"
    assert [frame.ego_speed_mps for frame in log.labels.frames] == pytest.approx([10, 11, 12])
    # The crop of 620×188 is 376×188, at 122 from the left.
    assert log.labels.frames[0].vehicles[0].box == pytest.approx((0, 50.25, 78, 120))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 3 Car 0 0", "0007.txt:1: expected 17 values, got 5"),
        ("0 3 Car 0 0 x 1 2 3 4 1 1 1 1 1 1 1", "could not convert"),
    ],
)
def test_broken_labels_are_named(tracking: Path, line: str, message: str) -> None:
    (tracking / "training/label_02/0007.txt").write_text(line)
    (rejected,) = kitti_tracking.recordings(tracking)
    assert isinstance(rejected, Rejected)
    assert message in rejected.reason


@pytest.fixture
def raw(footage) -> Path:
    drive = "2011_09_26/2011_09_26_drive_0001_sync"
    for frame in (2, 3, 5):
        footage.picture(f"{drive}/image_02/data/{frame:010d}.png", frame, 188, 620)
    stamps = [f"2011-09-26 13:02:{25 + n // 10:02d}.{96438944 + n % 10 * 100000000:09d}" for n in range(6)]
    footage.text(f"{drive}/image_02/timestamps.txt", "\n".join(stamps) + "\n")
    footage.text(f"{drive}/oxts/timestamps.txt", "\n".join(stamps) + "\n")
    for frame in range(6):
        footage.text(f"{drive}/oxts/data/{frame:010d}.txt", oxts_line(5 + frame, -0.1))
    footage.text(
        "2011_09_26/calib_cam_to_cam.txt",
        "calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1.242000e+03 3.750000e+02\n"
        f"R_rect_00: 1 0 0 0 1 0 0 0 1\nP_rect_02: {PROJECTION}\n",
    )
    # Scanner axes are forward, left, up; camera axes are right, down, forward. The scanner is 0.3 m above and 0.2 m
    # behind the camera.
    footage.text(
        "2011_09_26/calib_velo_to_cam.txt", "calib_time: x\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.3 -0.2\ndelta_f: 0 0\n"
    )
    footage.text(f"{drive}/tracklet_labels.xml", TRACKLETS)
    return footage.folder


TRACKLETS = """<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<!DOCTYPE boost_serialization>
<boost_serialization signature="serialization::archive" version="9">
<tracklets class_id="0" tracking_level="0" version="0">
 <count>2</count><item_version>1</item_version>
 <item class_id="1" tracking_level="0" version="1">
  <objectType>Car</objectType><h>1.5</h><w>1.6</w><l>4.0</l><first_frame>2</first_frame>
  <poses class_id="2" tracking_level="0" version="0"><count>2</count><item_version>2</item_version>
   <item class_id="3" tracking_level="0" version="2">
    <tx>22.2</tx><ty>3.0</ty><tz>-1.95</tz><rx>0</rx><ry>0</ry><rz>0</rz><state>2</state><occlusion>0</occlusion>
    <occlusion_kf>1</occlusion_kf><truncation>0</truncation>
   </item>
   <item><tx>21.2</tx><ty>3.0</ty><tz>-1.95</tz><rx>0</rx><ry>0</ry><rz>1.5707963</rz><state>2</state>
    <occlusion>1</occlusion><truncation>0</truncation></item>
  </poses><finished>1</finished>
 </item>
 <item><objectType>Cyclist</objectType><h>1.5</h><w>1.6</w><l>4.0</l><first_frame>2</first_frame>
  <poses><count>1</count><item><tx>9</tx><ty>0</ty><tz>-1</tz><rx>0</rx><ry>0</ry><rz>0</rz><occlusion>0</occlusion></item></poses>
 </item>
</tracklets></boost_serialization>
"""


def test_raw_tracklets(raw: Path) -> None:
    """The rear face of the car is 20 m before the camera, from 2.2 m to 3.8 m to the left, its bottom 1.65 m down."""
    (recording,) = kitti_raw.recordings(raw)
    assert recording.name == "2011_09_26_drive_0001_sync"
    (car,) = recording.vehicles[0]
    # Camera 2 sits BASELINE / FOCAL to the left of the camera that the scanner is calibrated to.
    aside = BASELINE / FOCAL

    def column(right: float, ahead: float) -> float:
        return CENTRE[0] + FOCAL * (right + aside) / ahead

    bottom, top = CENTRE[1] + FOCAL * 1.65 / 20, CENTRE[1] + FOCAL * 0.15 / 24
    assert car.amodal_box == pytest.approx((column(-3.8, 20), top, column(-2.2, 24), bottom), abs=1e-6)
    assert car.visible_fraction == pytest.approx(1)
    (turned,) = recording.vehicles[1]
    assert turned.track_id == car.track_id
    assert turned.visible_fraction == pytest.approx(0.6)
    assert turned.amodal_box[0] == pytest.approx(column(-5, 20.2), abs=1e-4), "turned by 90°, it is 4 m wide"
    assert recording.vehicles[2] == ()


def test_raw_times_are_those_of_the_frames_that_are_there(raw: Path) -> None:
    (recording,) = kitti_raw.recordings(raw)
    assert [path.stem for path in recording.media.paths] == ["0000000002", "0000000003", "0000000005"]
    assert recording.media.times_s == pytest.approx([0, 0.1, 0.3], abs=1e-9)
    assert recording.ego_motion.time_s == pytest.approx([-0.2, -0.1, 0, 0.1, 0.2, 0.3], abs=1e-9)
    assert recording.ego_motion.speed_mps == (5, 6, 7, 8, 9, 10)


def test_hostile_tracklets_are_refused(raw: Path) -> None:
    bomb = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tracklets><item>&b;</item></tracklets>'
    for content, message in ((bomb, "declares entities"), ("<a>" * 10_000, "nested deeper"), ("<a>", "no XML")):
        next(raw.rglob("tracklet_labels.xml")).write_text(content)
        (rejected,) = kitti_raw.recordings(raw)
        assert message in rejected.reason


def test_other_folders_are_no_kitti(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="expected KITTI raw"):
        list(kitti_raw.recordings(tmp_path))
    with pytest.raises(FootageError, match="expected KITTI tracking"):
        list(kitti_tracking.recordings(tmp_path))
