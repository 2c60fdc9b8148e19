"""Pictures of a scenario before any sampling: its boxes as the camera sees them, and the road from above."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.cuboids import NEAR_M, seen_from
from drivesim.scenario.previews.map import draw_map
from drivesim.scenario.schema.actors import Ego
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.scene import ActorView, Scene
from drivesim.scenario.schema.vocabulary import CATEGORIES, FRAME_EXTENT_PX, FRAME_HEIGHT_PX, FRAME_WIDTH_PX

CATEGORY_COLOURS = {"car": (255, 215, 0), "van": (0, 220, 255), "truck": (255, 90, 60), "bus": (130, 255, 90)}
MAX_FPS, MAX_FRAMES = 10.0, 36  # a preview is there within two seconds
_SHEET_COLUMNS, _SHEET_ROWS, _SHEET_SCALE = 2, 3, 0.75

_SKY = {"night": (18, 20, 34), "day": (176, 200, 224)}
_ROAD = {"night": (38, 38, 42), "day": (104, 106, 110)}
_LINE = (225, 225, 225)


def preview_fps(scenario: Scenario) -> float:
    """Frames a second of `preview_frames`: fewer where the scenario is long."""
    return min(MAX_FPS, MAX_FRAMES / scenario.duration_s)


def preview_frames(scenario: Scenario) -> Iterator[np.ndarray]:
    """The layout over the whole duration, uint8 RGB `h w c`: the camera's view, and the road from above beside it."""
    fps = preview_fps(scenario)
    for number in range(max(1, round(scenario.duration_s * fps))):
        yield preview_frame(scenario, number / fps)


def preview_sheet(scenario: Scenario) -> np.ndarray:
    """Moments of a scenario in one picture, uint8 RGB `h w c`; the first frame where no other is known."""
    if scenario.scene is None:
        return preview_frame(scenario, 0.0)
    count = _SHEET_COLUMNS * _SHEET_ROWS
    frames = [preview_frame(scenario, time) for time in np.linspace(0, scenario.duration_s, count)]
    small = [
        cv2.resize(frame, None, fx=_SHEET_SCALE, fy=_SHEET_SCALE, interpolation=cv2.INTER_AREA) for frame in frames
    ]
    rows = [np.hstack(small[start : start + _SHEET_COLUMNS]) for start in range(0, count, _SHEET_COLUMNS)]
    return np.vstack(rows)


def preview_frame(scenario: Scenario, time_s: float) -> np.ndarray:
    """One moment, uint8 RGB `h w c`: the camera's view, and the road from above beside it."""
    scene = _scene(scenario)
    above = draw_map(scene, time_s, scenario.duration_s, FRAME_HEIGHT_PX, CATEGORY_COLOURS)
    return np.hstack([camera_view(scenario, time_s), above])


def camera_view(scenario: Scenario, time_s: float) -> np.ndarray:
    """What the camera sees at one moment, as large as a frame, uint8 RGB `h w c`.

    Solid boxes are what the models are told, thin ones the whole vehicle.
    """
    scene = _scene(scenario)
    picture = _empty_road(scene, scenario.time_of_day or "day", time_s)
    told = time_s == 0 or scene.steered
    if scenario.scene is None:
        _draw_boxes(picture, scenario)
    for view in reversed(scene.views(time_s)):
        _draw_view(picture, view, told)
    title = f"{scenario.name}   t = {time_s:.1f} s"
    if not told:
        title += "   (left to the model; drawn at constant speed)"
    _text(picture, title, (12, 24), (255, 255, 255), 0.75)
    return picture


def _scene(scenario: Scenario) -> Scene:
    return scenario.scene or Scene.of((), scenario.ego or Ego(), scenario.road or Road(), scenario.camera or Camera())


def _empty_road(scene: Scene, time_of_day: str, time_s: float) -> np.ndarray:
    picture = np.empty((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), np.uint8)
    horizon = int(np.clip(round(scene.camera.horizon_px), 0, FRAME_HEIGHT_PX))
    picture[:horizon], picture[horizon:] = _SKY[time_of_day], _ROAD[time_of_day]
    ego = scene.ego.at(time_s)
    station, _ = scene.road.line.project(ego.position_m[None])
    along = np.concatenate([np.arange(0, 40, 0.5), np.arange(40, 250, 2.5)]) + station
    for lane in range(scene.road.rightmost, scene.road.leftmost + 2):
        lateral = (lane - 0.5) * scene.road.lane_width_m
        points = np.column_stack([scene.road.line.position(along, np.full_like(along, lateral)), np.zeros_like(along)])
        border = lane in (scene.road.rightmost, scene.road.first_oncoming, scene.road.leftmost + 1)
        _draw_line(picture, seen_from(points, ego.position_m, ego.heading_rad), along, scene.camera, dashed=not border)
    return picture


def _draw_line(picture: np.ndarray, points: np.ndarray, along: np.ndarray, camera: PinholeCamera, dashed: bool) -> None:
    pixels, depth = camera.project(points)
    drawn = (depth[:-1] > NEAR_M) & (depth[1:] > NEAR_M)
    if dashed:
        drawn &= along[:-1] % 12 <= 5
    places = np.clip(pixels, -4000, 4000).round().astype(np.int32)
    pieces = np.stack([places[:-1], places[1:]], 1)[drawn]
    cv2.polylines(picture, list(pieces), isClosed=False, color=_LINE, lineType=cv2.LINE_AA)


def _draw_view(picture: np.ndarray, view: ActorView, told: bool) -> None:
    colour = CATEGORY_COLOURS[view.category]
    whole = np.clip(view.amodal_box, -4000, 4000)
    if view.visible_box is None:
        return
    solid = told and view.large_enough
    _rectangle(picture, whole, tuple(c // 2 for c in colour), 1)
    if solid:
        x0, y0, x1, y1 = (round(edge) for edge in view.visible_box)
        part = picture[y0:y1, x0:x1]
        part[:] = (0.65 * part + 0.35 * np.array(colour)).astype(np.uint8)
    _rectangle(picture, view.visible_box, colour, 2 if solid else 1)
    label = f"{view.id} {view.distance_m:.0f} m {view.visible_fraction:.0%}"
    _text(picture, label, (round(max(view.visible_box[0], 2)), round(max(view.visible_box[1], 44)) - 5), colour)


def _draw_boxes(picture: np.ndarray, scenario: Scenario) -> None:
    layout = scenario.layout()
    if layout is None:
        _text(picture, "the first frame is left to the model or to a picture", (12, 52), (255, 255, 255), 0.6)
        return
    for number, (box, category) in enumerate(zip(layout.xyxy * FRAME_EXTENT_PX, layout.category, strict=True)):
        colour = CATEGORY_COLOURS[CATEGORIES[category]]
        _rectangle(picture, box, colour, 2)
        _text(picture, f"{CATEGORIES[category]}_{number}", (round(box[0]), round(max(box[1], 44)) - 5), colour)


def _rectangle(picture: np.ndarray, box: np.ndarray, colour: tuple[int, ...], thickness: int) -> None:
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, thickness, cv2.LINE_AA)


def _text(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, ...], size: float = 0.55) -> None:
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x, y = place
    behind = picture[max(0, y - height - 2) : y + below, max(0, x - 2) : x + width + 2]
    behind[:] = behind // 3
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
