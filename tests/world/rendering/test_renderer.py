from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drivesim.scenario.schema.vocabulary import CATEGORIES
from drivesim.world.pose import CameraPose
from drivesim.world.quads import QuadBuilder
from drivesim.world.recording.labels import label_vehicles
from drivesim.world.rendering.atmosphere import draw_atmosphere
from drivesim.world.rendering.renderer import Renderer
from drivesim.world.scenery.markings import Markings
from drivesim.world.scenery.occluders import Occluders
from drivesim.world.scenery.scenery import Scenery, build_scenery
from drivesim.world.traffic.road import Road
from drivesim.world.vehicles.fleet import fleet
from drivesim.world.vehicles.placement import PlacedVehicle

WIDTH, HEIGHT = 1024, 512
CAMERA = CameraPose(0.0, 0.0, 1.4, 0.0, -0.02, np.radians(58))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(WIDTH, HEIGHT)


def bare_scenery() -> Scenery:
    """An empty plain."""
    nothing = QuadBuilder().build()
    return Scenery(
        ground=nothing,
        objects=nothing,
        shadows=nothing,
        lamps=np.zeros((0, 3), np.float32),
        lamp_colour=np.ones(3, np.float32),
        land=np.array([0.45, 0.45, 0.45], np.float32),
        urban=False,
        markings=Markings(lines=(), worn=1.0),
        occluders=Occluders.none(),
    )


def air(time_of_day: str, seed: int = 0):
    return dataclasses.replace(draw_atmosphere(time_of_day, np.random.default_rng(seed)), shadow_strength=0.0)


def vehicle(model, x: float, y: float, heading: float, paint=(0.9, 0.1, 0.7), **more) -> PlacedVehicle:
    return PlacedVehicle(1, model, x, y, heading, 10.0, paint, (0.1, 0.9, 0.2), **more)


def changed_box(frame: np.ndarray, empty: np.ndarray) -> tuple[int, int, int, int]:
    changed = (frame != empty).any(2)
    columns, rows = np.flatnonzero(changed.any(0)), np.flatnonzero(changed.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def iou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


POSES = [
    (12, 0, 0.0),
    (25, 3.5, np.pi),
    (18, -4, 0.5),
    (15, 5, 1.6),
    (45, -3.5, 0.02),
    (8, 4.2, 3.0),
    (7, -3.6, 0.0),
    (9, 2, 2.2),
]


@pytest.mark.parametrize("category", CATEGORIES)
def test_boxes_cover_exactly_the_pixels_that_a_vehicle_changes(renderer, category):
    renderer.load(bare_scenery(), air("day"))
    empty = renderer.render(CAMERA, [])
    models = [model for model in fleet() if model.category == category]
    for index, (x, y, heading) in enumerate(POSES):
        placed = vehicle(models[index % len(models)], x, y, heading)
        frame = renderer.render(CAMERA, [placed])
        (label,) = label_vehicles(CAMERA, [placed], Occluders.none(), WIDTH, HEIGHT)
        assert label.category == category
        assert iou(label.box, changed_box(frame, empty)) >= 0.9, (placed.model.name, x, y, heading)


def test_the_same_world_gives_the_same_bytes_also_after_another_one(renderer):
    def frame(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        road = Road.generate(rng, 200)
        renderer.load(build_scenery(road, rng), draw_atmosphere("night" if seed % 2 else "day", rng))
        point, heading = road.position(20.0, road.lane_offset(0))
        camera = CameraPose(float(point[0]), float(point[1]), 1.4, float(heading), 0.0, 1.0)
        return renderer.render(camera, [vehicle(fleet()[0], camera.x_m + 15, camera.y_m + 1, 0.0)])

    first, other, again = frame(3), frame(4), frame(3)
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_night_shows_white_lamps_of_oncoming_and_red_lamps_of_leading_vehicles(renderer):
    renderer.load(bare_scenery(), air("night"))
    for model in fleet():
        paint = (0.05, 0.05, 0.3)
        oncoming = renderer.render(CAMERA, [vehicle(model, 20, 3.5, np.pi, paint)]).astype(int)
        leading = renderer.render(CAMERA, [vehicle(model, 20, -3.5, 0.0, paint)]).astype(int)

        def white(frame):
            return (frame.min(2) > 215).sum()

        def red(frame):
            return ((frame[..., 0] > 190) & (frame[..., 1] < 110) & (frame[..., 2] < 110)).sum()

        assert white(oncoming) > 40 > red(oncoming), model.name
        assert red(leading) > 40 > white(leading), model.name


def test_braking_brightens_the_tail_lamps(renderer):
    model = fleet()[0]
    for time_of_day in ("day", "night"):
        renderer.load(bare_scenery(), air(time_of_day))
        rolling = renderer.render(CAMERA, [vehicle(model, 14, -1, 0.0, (0.1, 0.1, 0.1))]).astype(int)
        braking = renderer.render(CAMERA, [vehicle(model, 14, -1, 0.0, (0.1, 0.1, 0.1), braking=True)]).astype(int)
        assert (braking - rolling)[..., 0].sum() > 5000


def test_night_is_dark_but_readable(renderer):
    rng = np.random.default_rng(5)
    road = Road.generate(rng, 200)
    scenery = build_scenery(road, rng)
    point, heading = road.position(20.0, road.lane_offset(0))
    camera = CameraPose(float(point[0]), float(point[1]), 1.4, float(heading), 0.0, 1.0)
    sky = {}
    for time_of_day in ("day", "night"):
        renderer.load(scenery, draw_atmosphere(time_of_day, np.random.default_rng(1)))
        frame = renderer.render(camera, [])
        sky[time_of_day] = np.median(frame[: HEIGHT // 8])
        assert np.median(frame[HEIGHT * 3 // 4 :]) > 25
    assert sky["night"] < 30 < 100 < sky["day"]


def test_supersampling_keeps_the_size_and_smooths_edges():
    smooth = Renderer(128, 64, supersample=4)
    smooth.load(bare_scenery(), air("day"))
    frame = smooth.render(CAMERA, [vehicle(fleet()[0], 14, 0, 0.0)])
    assert frame.shape == (64, 128, 3)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 300


def test_wrong_use_is_explained(renderer):
    with pytest.raises(ValueError, match="pipe must be one of"):
        Renderer(64, 32, pipe="p3nothing")
    with pytest.raises(ValueError, match="must be positive"):
        Renderer(64, 0)
    with pytest.raises(RuntimeError, match="load"):
        Renderer(64, 32).render(CAMERA, [])


def test_a_sky_brighter_than_white_does_not_wrap_round_to_other_colours(renderer):
    """Each pixel of such a sky is bright in all three channels: a wrapped channel would be near 0."""
    for seed in (5, 9):
        rng = np.random.default_rng(seed)
        glare = dataclasses.replace(draw_atmosphere("day", rng), sky_horizon=(1.0, 0.97, 0.8), sun_glow=(0.5, 0.4, 0.3))
        renderer.load(bare_scenery(), glare)
        for heading_rad in np.arange(0, 6.2, 0.7):
            sky = renderer.render(dataclasses.replace(CAMERA, heading_rad=float(heading_rad)), [])[:200]
            assert sky.min(-1).min() > 90
