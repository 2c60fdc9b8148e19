"""Futures that differ by known motion of a vehicle, or of the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivesim.data.ingest.labels.detected import TrackedDetection
from drivesim.detection.detections import Detections
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.video.measures.diversity import ONE_SCENE, ONE_SEED, OTHER_SCENES
from drivesim.evaluation.video.measures.spread import spread_figures, vehicle_displacements, vehicle_distances
from drivesim.evaluation.video.measures.tracks import Follower, Tracks
from drivesim.evaluation.video.sources.videos import Video
from drivesim.geometry.camera import PinholeCamera

FPS, FRAMES = 10.0, 20


def moving(speeds: list[float], first_track: int = 0, gone: int | None = None) -> Tracks:
    """Vehicles side by side that move right by `speeds` pixels of 1024 per frame; the last is not seen in a frame."""
    seen = []
    for t in range(FRAMES):
        boxes = [np.array([100 + 300 * i + v * t, 200, 180 + 300 * i + v * t, 240]) for i, v in enumerate(speeds)]
        found = [TrackedDetection(first_track + i, 0, b / [1024, 512, 1024, 512]) for i, b in enumerate(boxes)]
        seen.append(found[:-1] if t == gone else found)
    return Tracks.of(seen, FPS)


def test_distances_are_those_of_the_same_vehicle_at_the_same_time() -> None:
    one, two = moving([0, 2]), moving([3, 2], first_track=7, gone=5)
    distances = vehicle_distances(one, two)
    assert distances.shape == (2, FRAMES)
    assert distances[0] == pytest.approx(3 * np.arange(FRAMES))
    assert np.isnan(distances[1, 5])
    assert np.nanmax(distances[1]) == pytest.approx(0, abs=1e-9)
    assert vehicle_distances(one, Tracks.of([[]] * FRAMES, FPS)).shape == (0, FRAMES)


def test_vehicles_that_come_later_have_no_part_in_it() -> None:
    seen = [[TrackedDetection(0, 0, np.array([0.1, 0.4, 0.2, 0.5]))] if t >= 4 else [] for t in range(FRAMES)]
    assert len(vehicle_displacements(Tracks.of(seen, FPS))) == 0
    displacements = vehicle_displacements(moving([3]))
    assert displacements == pytest.approx(3 * np.arange(FRAMES)[None])


class Bright:
    """A detector that finds the columns of a frame that are white."""

    name, threshold, sha256, preparation = "bright", 0.3, "0" * 64, "none"

    def detect(self, frames: np.ndarray) -> list[Detections]:
        rows = []
        for frame in frames:
            columns = np.flatnonzero((frame[40:60] == 255).all((0, 2)))
            box = [columns[0] / frame.shape[1], 40 / frame.shape[0], (columns[-1] + 1) / frame.shape[1], 0.9]
            rows.append(Detections(np.array([box], np.float32), np.array([0]), np.array([0.9], np.float32)))
        return rows


def driven(speed_mps: float, yaw_rate: float, shift_px: float, seed: int) -> np.ndarray:
    """Frames uint8 `t 128 256 3` of a textured road and a far wall, with a white vehicle that moves to the right."""
    camera = PinholeCamera(256, 128)
    texture = np.random.default_rng(seed).integers(0, 200, (64, 64)).astype(np.uint8)
    wall = np.kron(np.random.default_rng(seed).integers(0, 200, (4, 400)).astype(np.uint8), np.ones((16, 6), np.uint8))
    rows, columns = np.mgrid[64:128, :256].astype(float)
    depth = camera.height_m * camera.focal_length_px / (rows + 0.5 - camera.horizon_px)
    right = (columns - 127.5) / camera.focal_length_px * depth
    frames = np.zeros((FRAMES, 128, 256, 3), np.uint8)
    for t in range(FRAMES):
        turn, way = yaw_rate * t / FPS, speed_mps * t / FPS
        x, y = right * np.cos(turn) - depth * np.sin(turn), right * np.sin(turn) + depth * np.cos(turn) + way
        road = texture[np.floor(y / 0.6).astype(int) % 64, np.floor(x / 0.6).astype(int) % 64]
        offset = 900 - round(camera.focal_length_px * np.tan(turn))
        frames[t] = np.concatenate([wall[:, offset : offset + 256], road])[..., None]
        left = round(100 + shift_px * t)
        frames[t, 40:60, left : left + 30] = 255
    return frames


def figures(made: list[Video], repeated: list[Video], protocol: Protocol) -> dict[tuple[str, str], Figure]:
    found = spread_figures(made, repeated, made[:1], Follower(Bright()), protocol, lambda *_: None)
    return {(figure.name, figure.group): figure for figure in found}


def test_futures_that_brake_turn_or_move_differ_in_just_that(protocol: Protocol, video_of) -> None:
    def video(scene: str, future: int, *motion: float) -> Video:
        frames = driven(*motion, seed=ord(scene))
        return replace(video_of(frames, scene, future), camera=PinholeCamera(256, 128))

    made = [video("a", 0, 6, 0, 0.5), video("a", 1, 3, 0, 1.0), video("b", 0, 6, 0, 0.5), video("b", 1, 6, 0.1, 0.5)]
    found = figures(made, [video("a", 0, 6, 0, 0.5)], protocol)
    assert found["ego_motion_known", "made"].value > 0.7
    for name in ("vehicle_spread_px", "ego_speed_spread_mps", "ego_yaw_rate_spread_radps"):
        assert found[name, ONE_SEED].value == pytest.approx(0, abs=1e-6)
    speed, yaw_rate = (found[name, ONE_SCENE] for name in ("ego_speed_spread_mps", "ego_yaw_rate_spread_radps"))
    assert speed.low < 1.0 < 2.0 < speed.high
    assert yaw_rate.low < 0.03 < 0.07 < yaw_rate.high
    assert found["ego_speed_spread_mps", OTHER_SCENES].value < 1.0
    spread = [found["vehicle_spread_px", f"{ONE_SCENE}, second {second}"].value for second in (1, 2)]
    assert spread[0] < spread[1]
    assert found["vehicle_displacement_px", "real"].value == pytest.approx(0.5 * 4 * 9.5, rel=0.2)


def test_without_two_futures_of_a_scene_there_is_no_spread(protocol: Protocol, video_of) -> None:
    videos = [video_of(driven(6, 0, 0.5, 0)[:4], scene) for scene in "ab"]
    assert figures(videos, [], protocol) == {}
