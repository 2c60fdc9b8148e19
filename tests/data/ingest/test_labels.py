"""Labels that the footage does not bring: detected vehicles in tracks, ego motion from the frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.data.ingest.labels.detected import tracked_vehicles
from drivesim.data.ingest.labels.odometry import Odometry
from drivesim.data.ingest.recording import Recording, SourceVehicle, VideoFile
from drivesim.data.ingest.settings import CameraSettings, IngestSettings
from drivesim.detection.detections import Detections
from drivesim.errors import FootageError
from drivesim.geometry.camera import PinholeCamera

CAR, BUS = 0, 3


def found(*boxes: tuple[float, float, float, float], category: int = CAR, score: float = 0.8) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4) / [320, 160, 320, 160],
        np.full(count, category, np.int64),
        np.full(count, score, np.float32),
    )


def moving(number: int, start: float = 20.0) -> tuple[float, float, float, float]:
    return (start + 3 * number, 60, start + 40 + 3 * number, 90)


def test_tracks_keep_their_number_and_single_detections_are_left_out() -> None:
    """Two vehicles for two seconds, one of them unseen for two frames; a ghost in a single frame."""
    detections = []
    for number in range(20):
        boxes = [moving(number)]
        if number not in (9, 10):
            boxes.append(moving(number, 180))
        if number == 5:
            boxes.append((100, 10, 120, 20))
        detections.append(found(*boxes))
    labels = tracked_vehicles(detections, 320, 160, 10.0, 0.25)
    counts = [len(frame) for frame in labels]
    assert set(counts[1:]) <= {1, 2}
    assert sum(counts) >= 36
    left = {v.track_id for frame in labels for v in frame if abs(v.box[0] - 20) < 70}
    right = {v.track_id for frame in labels for v in frame if v.box[0] > 150}
    assert len(left) == len(right) == 1
    assert left != right
    for number, frame in enumerate(labels):
        for vehicle in frame:
            offset = 20 if vehicle.track_id in left else 180
            assert vehicle.box == pytest.approx(moving(number, offset), abs=4)
            assert vehicle.distance_m is None
            assert vehicle.visible_fraction is None


def test_a_track_has_one_category() -> None:
    detections = [found(moving(number), category=CAR if number == 4 else BUS) for number in range(10)]
    labels = tracked_vehicles(detections, 320, 160, 10.0, 0.25)
    assert {vehicle.category for frame in labels for vehicle in frame} == {"bus"}


@pytest.fixture
def bright_box(footage, bright_box_network) -> tuple[Path, Path]:
    """A video of a white box that moves over dark ground, and the network that finds it."""
    frames = []
    for number in range(40):
        frame = footage.frame(number) // 4
        left = 40 + 4 * (number // 2)
        frame[60:90, left : left + 50] = 255
        frames.append(frame)
    network = bright_box_network(64, 128)
    network.with_suffix(".yaml").write_text("layout: yolov10\nclasses: {car: [2]}\nfit: stretch\n")
    return footage.video("box.mp4", frames), network


def test_detected_vehicles_are_marked(bright_box, converted) -> None:
    video, network = bright_box
    settings = IngestSettings(detector=network)
    (log,) = converted([Recording("box", "video", VideoFile(video))], settings)
    provenance = log.labels.provenance
    assert provenance.vehicles == "detected"
    assert len(provenance.detector_sha256) == 64
    labelled = [(number, frame.vehicles) for number, frame in enumerate(log.labels.frames) if frame.vehicles]
    assert len(labelled) >= 18
    for number, (vehicle,) in labelled:
        assert vehicle.box == pytest.approx((40 + 4 * number, 60, 90 + 4 * number, 90), abs=5)
    assert len({vehicles[0].track_id for _, vehicles in labelled}) == 1


def test_annotations_are_not_replaced_by_detections(bright_box, converted) -> None:
    video, network = bright_box
    annotated = {number: (SourceVehicle(9, "bus", (200, 20, 260, 50)),) for number in range(0, 40, 4)}
    settings = IngestSettings(detector=network)
    (log,) = converted([Recording("box", "cvat", VideoFile(video), annotated)], settings)
    assert log.labels.provenance.vehicles == "annotated"
    assert log.labels.frames[0].vehicles[0].track_id == 9
    assert log.labels.frames[1].vehicles is None, "nobody looked at this frame"


def test_blurred_where_the_detector_finds_something(bright_box, converted) -> None:
    video, network = bright_box
    settings = IngestSettings(blur=network)
    (log,) = converted([Recording("box", "video", VideoFile(video))], settings)
    frame = log.read(0, 1)[0].astype(int)
    assert np.abs(frame[74, 36:41] - 255).min() > 60, "the edge of the box is smeared"
    assert frame[75, 65].mean() > 150
    assert log.labels.provenance.vehicles != "detected"


class RoadWorld:
    """A textured plane and a far wall at infinity, seen by a camera that drives over it."""

    def __init__(self, camera: PinholeCamera) -> None:
        self._camera = camera
        rng = np.random.default_rng(1)
        self._ground = cv2.resize(
            rng.integers(0, 256, (700, 700), np.uint8), (1400, 1400), interpolation=cv2.INTER_CUBIC
        )
        self._far = cv2.resize(rng.integers(0, 256, (30, 400), np.uint8), (4000, 300), interpolation=cv2.INTER_CUBIC)

    def frame(self, x_m: float, y_m: float, heading_rad: float) -> np.ndarray:
        camera = self._camera
        columns, rows = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
        bearing = np.arctan((columns - camera.width_px / 2) / camera.focal_length_px)
        distance = camera.ground_distance(rows)
        depth = distance * np.cos(camera.pitch_rad) - camera.height_m * np.sin(camera.pitch_rad)
        right = (columns - camera.width_px / 2) / camera.focal_length_px * depth
        cos, sin = np.cos(heading_rad), np.sin(heading_rad)
        east, north = x_m + right * cos - distance * sin, y_m + right * sin + distance * cos
        # Twenty texels a metre near by; the plane ends at 60 m, behind which the far wall stands.
        place = lambda metres: np.mod(np.nan_to_num(metres) * 10, 1399).astype(np.float32)  # noqa: E731
        ground = cv2.remap(self._ground, place(east), place(north), cv2.INTER_LINEAR)
        angle = bearing - heading_rad
        wall = cv2.remap(
            self._far,
            np.mod(angle * 1200 + 2000, 3999).astype(np.float32),
            np.clip(rows / camera.height_px * 299, 0, 299).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        grey = np.where(np.isfinite(distance) & (distance < 60), ground, wall)
        return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize(("speed", "yaw_rate"), [(8.0, 0.0), (12.0, 0.15), (5.0, -0.2)])
def test_odometry_finds_speed_and_turning(speed: float, yaw_rate: float) -> None:
    camera = PinholeCamera(512, 256, np.deg2rad(60), 1.4, np.deg2rad(-1))
    world, odometry = RoadWorld(camera), Odometry(PinholeCamera(1024, 512, np.deg2rad(60), 1.4, np.deg2rad(-1)), 10.0)
    x = y = heading = 0.0
    for _ in range(10):
        odometry.add(cv2.resize(world.frame(x, y, heading), (1024, 512), interpolation=cv2.INTER_LINEAR))
        for _ in range(10):
            x, y = x - speed * 0.01 * np.sin(heading), y + speed * 0.01 * np.cos(heading)
            heading += yaw_rate * 0.01
    motion = odometry.motion()
    assert len(motion) == 10
    speeds, yaw_rates = np.array(motion, float).T
    assert np.median(speeds) == pytest.approx(speed, rel=0.08)
    assert np.median(yaw_rates) == pytest.approx(yaw_rate, abs=0.015)


def test_odometry_claims_nothing_about_noise(footage) -> None:
    rng = np.random.default_rng(0)
    odometry = Odometry(PinholeCamera(), 10.0)
    for _ in range(6):
        odometry.add(rng.integers(0, 256, (512, 1024, 3), np.uint8))
    assert odometry.motion() == [(None, None)] * 6


def test_odometry_is_marked_and_needs_a_camera(footage, converted) -> None:
    with pytest.raises(FootageError, match="field of view and its height"):
        IngestSettings(odometry=True)
    camera = PinholeCamera(320, 160, np.deg2rad(60), 1.4)
    world = RoadWorld(camera)
    video = footage.video("road.mp4", [world.frame(0, 0.5 * number, 0) for number in range(20)], fps=10)
    settings = IngestSettings(odometry=True, camera=CameraSettings(np.deg2rad(60), 1.4))
    (log,) = converted([Recording("road", "video", VideoFile(video))], settings)
    assert log.labels.provenance.ego_motion == "odometry"
    assert log.labels.frames[10].ego_speed_mps == pytest.approx(5, rel=0.15)
