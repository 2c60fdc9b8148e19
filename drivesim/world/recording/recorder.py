"""The recorder of drive logs: a world is drawn from a seed, driven through, rendered and labelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import CameraLabel, DriveLogLabels, FrameLabel
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import TimeOfDay
from drivesim.world.pose import CameraPose
from drivesim.world.recording.labels import label_vehicles
from drivesim.world.recording.road_labels import RoadLabeller
from drivesim.world.rendering.atmosphere import draw_atmosphere
from drivesim.world.rendering.renderer import Renderer
from drivesim.world.scenery.scenery import build_scenery
from drivesim.world.traffic.road import Road
from drivesim.world.traffic.traffic import Ego, Traffic

_EMPTY_FRACTION = 0.06
"""Fraction of the worlds that have no vehicle but the ego."""
_MAX_VEHICLES = 26
_CAMERA_AHEAD_OF_MIDDLE_M = 0.4
_MAX_SLOW_FPS = 20
_CLIP_S, _FAST_CLIP_S = 4.0, 1.2
"""Duration of clips, and of clips at more than `_MAX_SLOW_FPS` frames per second."""
MAX_FPS = 240
MAX_HEIGHT, MAX_WIDTH = 2048, 4096


@dataclass(frozen=True)
class Recipe:
    """What one drive log holds.

    Raises:
        FootageError: A number is out of range.
    """

    fps: float = 10.0
    num_frames: int = 40
    stills: bool = False
    """Whether each frame shows other traffic elsewhere in the world, for the variety that image models need."""
    time_of_day: TimeOfDay | None = None
    """The time of day; None draws it from the seed."""
    width: int = 1024
    height: int = 512
    road_length_m: int = 420

    def __post_init__(self) -> None:
        if self.num_frames < 1 or not 0 < self.fps <= MAX_FPS:
            raise FootageError(f"a drive log needs at least one frame, and a frame rate above 0 and up to {MAX_FPS}")
        if not (0 < self.height <= MAX_HEIGHT and 0 < self.width <= MAX_WIDTH):
            raise FootageError(
                f"expected frames of up to {MAX_HEIGHT}x{MAX_WIDTH} pixels, got {self.height}x{self.width}"
            )

    @classmethod
    def clip(cls, fps: float = 10.0, num_frames: int | None = None, **changes: Any) -> Recipe:
        """Returns a recipe of continuous driving: four seconds, or a little over one second at high frame rates."""
        seconds = _CLIP_S if fps <= _MAX_SLOW_FPS else _FAST_CLIP_S
        if num_frames is None:
            num_frames = max(1, round(min(fps, MAX_FPS) * seconds)) if fps > 0 else 1
        return cls(fps=fps, num_frames=num_frames, **changes)

    @classmethod
    def single_frames(cls, fps: float = 0.25, num_frames: int | None = None, **changes: Any) -> Recipe:
        """Returns a recipe of a few stills, on a shorter road."""
        count = 2 if num_frames is None else num_frames
        return cls(fps=fps, num_frames=count, stills=True, road_length_m=340, **changes)


@dataclass(frozen=True)
class CameraMount:
    """How the camera is mounted on the ego."""

    height_m: float
    pitch_rad: float
    horizontal_fov_rad: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> CameraMount:
        """Draws height, pitch and field of view."""
        return cls(
            height_m=float(rng.uniform(1.3, 1.6)),
            pitch_rad=float(rng.uniform(-0.05, 0.005)),
            horizontal_fov_rad=float(np.radians(rng.uniform(50, 65))),
        )

    def on(self, ego: Ego) -> CameraPose:
        """Returns the pose of the camera on the ego."""
        return CameraPose(
            x_m=ego.x_m + _CAMERA_AHEAD_OF_MIDDLE_M * float(np.cos(ego.heading_rad)),
            y_m=ego.y_m + _CAMERA_AHEAD_OF_MIDDLE_M * float(np.sin(ego.heading_rad)),
            z_m=self.height_m,
            heading_rad=ego.heading_rad,
            pitch_rad=self.pitch_rad,
            horizontal_fov_rad=self.horizontal_fov_rad,
        )


def log_name(seed: int) -> str:
    """Returns the folder name of the drive log of a seed."""
    return f"world_{seed:08d}"


def drive(
    seed: int, recipe: Recipe, renderer: Renderer
) -> tuple[DriveLogLabels, Iterator[tuple[np.ndarray, FrameLabel]]]:
    """Drives through the world of a seed. The same seed and recipe give the same labels and pixels.

    Args:
        seed: Seed of the world.
        recipe: What the log holds.
        renderer: Renderer of frames of the recipe's size; it is busy with this world until the last frame is taken.

    Returns:
        The labels without frames, and an iterator over frames, uint8 `h w 3`, with their labels.

    Raises:
        ValueError: The renderer makes frames of another size than the recipe's.
    """
    if (renderer.width, renderer.height) != (recipe.width, recipe.height):
        sizes = f"{renderer.width}x{renderer.height}, the recipe {recipe.width}x{recipe.height}"
        raise ValueError(f"the renderer makes frames of {sizes}; both must have one size, or labels do not fit")
    streams = [np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(5)]
    road_rng, scenery_rng, air_rng, camera_rng, traffic_rng = streams
    drawn: TimeOfDay = "day" if air_rng.random() < 0.5 else "night"
    time_of_day = recipe.time_of_day or drawn
    road = Road.generate(road_rng, recipe.road_length_m)
    mount = CameraMount.draw(camera_rng)
    scenery = build_scenery(road, scenery_rng)
    renderer.load(scenery, draw_atmosphere(time_of_day, air_rng))
    header = DriveLogLabels(
        source="world",
        fps=recipe.fps,
        width=recipe.width,
        height=recipe.height,
        seed=seed,
        time_of_day=time_of_day,
        camera=CameraLabel(mount.height_m, mount.pitch_rad, mount.horizontal_fov_rad),
    )

    labeller = RoadLabeller(road, scenery.markings, recipe.width, recipe.height)

    def frames() -> Iterator[tuple[np.ndarray, FrameLabel]]:
        for index, traffic in enumerate(_moments(road, traffic_rng, recipe)):
            camera, vehicles = mount.on(traffic.ego), traffic.vehicles
            label = FrameLabel(
                time_s=index / recipe.fps,
                ego_speed_mps=round(traffic.ego.speed_mps, 3),
                ego_yaw_rate_radps=round(traffic.ego.yaw_rate_radps, 4),
                vehicles=tuple(label_vehicles(camera, vehicles, scenery.occluders, recipe.width, recipe.height)),
                road=labeller.label(camera),
            )
            yield renderer.render(camera, vehicles), label

    return header, frames()


def record_drive_log(seed: int, recipe: Recipe, folder: Path, renderer: Renderer) -> None:
    """Writes the drive log of a seed (see `drive`); raises FootageError if `folder` already exists."""
    header, frames = drive(seed, recipe, renderer)
    with DriveLogWriter(folder, header) as writer:
        for frame, label in frames:
            writer.write(frame, label)


def _moments(road: Road, rng: np.random.Generator, recipe: Recipe) -> Iterator[Traffic]:
    """Yields the traffic at each frame, either of one drive or of a new drive for each frame."""
    if recipe.stills:
        for _ in range(recipe.num_frames):
            yield Traffic(road, rng, draw_num_vehicles(rng))
        return
    traffic = Traffic(road, rng, draw_num_vehicles(rng))
    for index in range(recipe.num_frames):
        if index:
            traffic.step(1 / recipe.fps)
        yield traffic


def draw_num_vehicles(rng: np.random.Generator) -> int:
    """Draws the number of vehicles of a world: sometimes none, mostly around ten, of which about half are in view."""
    if rng.random() < _EMPTY_FRACTION:
        return 0
    return int(np.clip(round(rng.gamma(2.2, 5.2)), 1, _MAX_VEHICLES))
