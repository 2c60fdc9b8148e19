from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial import cKDTree

from drivesim.world.scenery.scenery import build_scenery
from drivesim.world.traffic.road import Road

SEEDS = range(8)


def scenery_of(seed: int):
    rng = np.random.default_rng(seed)
    road = Road.generate(rng, 250)
    return road, build_scenery(road, rng)


@pytest.mark.parametrize("seed", SEEDS)
def test_meshes_are_sound(seed):
    _, scenery = scenery_of(seed)
    for mesh in (scenery.ground, scenery.objects, scenery.shadows):
        assert np.isfinite(mesh.vertices).all()
        assert mesh.albedo.min(initial=0) >= 0
        assert mesh.emission.min(initial=0) >= 0
    assert np.allclose(np.linalg.norm(scenery.objects.normals, axis=-1), 1, atol=1e-2)
    assert (scenery.ground.vertices[..., 2] == 0).all()
    assert len(scenery.ground) > 500
    assert len(scenery.objects) > 300


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_stands_in_a_lane(seed):
    road, scenery = scenery_of(seed)
    corners = scenery.objects.vertices.reshape(-1, 3)
    corners = corners[corners[:, 2] < 2.5]
    line = np.column_stack([road.x, road.y])
    _, station = cKDTree(line).query(corners[:, :2])
    offset = corners[:, :2] - line[station]
    heading = road.heading[station]
    across = offset[:, 1] * np.cos(heading) - offset[:, 0] * np.sin(heading)
    inner = (station > 2) & (station < len(line) - 3)
    on_road = inner & (across > road.right_edge_m + 0.5) & (across < road.left_edge_m - 0.5)
    assert on_road.sum() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_occluders_enclose_their_plan(seed):
    _, scenery = scenery_of(seed)
    occluders = scenery.occluders
    assert occluders.points.shape == (len(occluders), 12, 3)
    middle = (occluders.points[..., :2].max(1) + occluders.points[..., :2].min(1)) / 2
    assert np.allclose(middle, occluders.plan[:, :2], atol=0.05)
    assert (occluders.plan[:, 3:] > 0).all()


def test_one_seed_gives_one_world():
    (_, first), (_, again), (_, other) = scenery_of(3), scenery_of(3), scenery_of(4)
    assert np.array_equal(first.objects.vertices, again.objects.vertices)
    assert np.array_equal(first.ground.albedo, again.ground.albedo)
    assert first.objects.vertices.shape != other.objects.vertices.shape


def test_worlds_differ_in_kind():
    urban = [scenery_of(seed)[1] for seed in SEEDS]
    assert {scenery.urban for scenery in urban} == {True, False}
    assert any(len(scenery.lamps) for scenery in urban)


def test_the_package_imports_without_panda3d():
    code = (
        "import sys; sys.modules['panda3d'] = None\n"
        "from drivesim.errors import MissingExtraError\n"
        "import drivesim.world.scenery.scenery, drivesim.world.recording.labels\n"
        "from drivesim.world.rendering.renderer import Renderer\n"
        "try:\n    Renderer(64, 32)\nexcept MissingExtraError as error:\n    assert 'drivesim[world]' in str(error)\n"
        "else:\n    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
