"""Pictures of a scenario before any sampling: the boxes as the camera sees them, beside the road from above."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from drivesim.scenario.previews.drawing import (
    CATEGORY_COLOURS,
    WHITE,
    Colour,
    draw_box,
    draw_label,
    draw_layout,
    draw_road,
    draw_text,
)
from drivesim.scenario.previews.map import draw_map
from drivesim.scenario.schema.actors import Ego
from drivesim.scenario.schema.road import Camera, Road
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.scene import ActorView, Scene
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX, RoadKind

MAX_FPS, MAX_FRAMES = 10.0, 36  # so that a preview is ready within two seconds
_SHEET_COLUMNS, _SHEET_ROWS, _SHEET_SCALE = 2, 3, 0.75

_SKY = {"night": (18, 20, 34), "day": (176, 200, 224)}
_GROUND = {"night": (26, 30, 28), "day": (128, 138, 118)}
_ROAD_COLOURS: dict[str, dict[RoadKind, Colour]] = {
    "night": {"drivable_area": (38, 38, 42), "lane_line": (225, 225, 225), "road_edge": (110, 170, 190)},
    "day": {"drivable_area": (104, 106, 110), "lane_line": (245, 245, 245), "road_edge": (40, 120, 150)},
}


def preview_fps(scenario: Scenario) -> float:
    """Returns the frame rate of `preview_frames`, which is lower if the scenario is long."""
    return min(MAX_FPS, MAX_FRAMES / scenario.duration_s)


def preview_frames(scenario: Scenario) -> Iterator[np.ndarray]:
    """Yields the scene over the whole duration, each moment as by `preview_frame`."""
    fps = preview_fps(scenario)
    for number in range(max(1, round(scenario.duration_s * fps))):
        yield preview_frame(scenario, number / fps)


def preview_sheet(scenario: Scenario) -> np.ndarray:
    """Returns several moments of a scenario in one picture, uint8 RGB `h w c`; without actors only the first frame."""
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
    """Returns one moment as a picture, uint8 RGB `h w c`: the camera's view, and beside it the road from above."""
    scene = _scene(scenario)
    above = draw_map(scene, time_s, scenario.duration_s, FRAME_HEIGHT_PX, CATEGORY_COLOURS)
    return np.hstack([camera_view(scenario, time_s), above])


def camera_view(scenario: Scenario, time_s: float) -> np.ndarray:
    """Returns what the camera sees at one moment as a picture of the size of a frame, uint8 RGB `h w c`.

    Filled boxes are those that the models are conditioned on; thin ones show whole vehicles. The road is drawn as the
    models are given it if the scenario has actors.
    """
    scene = _scene(scenario)
    picture = _empty_road(scene, scenario.time_of_day or "day", time_s)
    requested = time_s == 0 or scene.steered
    if scenario.scene is None:
        _draw_boxes(picture, scenario)
    for view in reversed(scene.views(time_s)):
        _draw_view(picture, view, requested)
    title = f"{scenario.name}   t = {time_s:.1f} s"
    if not requested:
        title += "   (left to the model; drawn at constant speed)"
    draw_text(picture, title, (12, 24), WHITE, 0.75)
    return picture


def _scene(scenario: Scenario) -> Scene:
    return scenario.scene or Scene.of((), scenario.ego or Ego(), scenario.road or Road(), scenario.camera or Camera())


def _empty_road(scene: Scene, time_of_day: str, time_s: float) -> np.ndarray:
    picture = np.empty((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), np.uint8)
    horizon = int(np.clip(round(scene.camera.horizon_px), 0, FRAME_HEIGHT_PX))
    picture[:horizon], picture[horizon:] = _SKY[time_of_day], _GROUND[time_of_day]
    draw_road(picture, scene.road_view(time_s), _ROAD_COLOURS[time_of_day])
    return picture


def _draw_view(picture: np.ndarray, view: ActorView, requested: bool) -> None:
    if view.visible_box is None:
        return
    colour = CATEGORY_COLOURS[view.category]
    solid = requested and view.may_be_requested
    draw_box(picture, view.amodal_box, _darker(colour), 1)
    if solid:
        x0, y0, x1, y1 = (round(edge) for edge in view.visible_box)
        part = picture[y0:y1, x0:x1]
        part[:] = (0.65 * part + 0.35 * np.array(colour)).astype(np.uint8)
    draw_box(picture, view.visible_box, colour, 2 if solid else 1)
    label = f"{view.id} {view.distance_m:.0f} m {view.visible_fraction:.0%}"
    draw_label(picture, label, view.visible_box, colour)


def _draw_boxes(picture: np.ndarray, scenario: Scenario) -> None:
    layout = scenario.layout()
    if layout is None:
        draw_text(picture, "the first frame is left to the model or to a picture", (12, 52), WHITE, 0.6)
    else:
        draw_layout(picture, layout, labelled=True)


def _darker(colour: Colour) -> Colour:
    red, green, blue = colour
    return red // 2, green // 2, blue // 2
