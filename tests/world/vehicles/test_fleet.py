from __future__ import annotations

import numpy as np
import pytest

from drivesim.scenario.schema.vocabulary import CATEGORIES
from drivesim.world.vehicles.fleet import fleet
from drivesim.world.vehicles.placement import PlacedVehicle, place
from drivesim.world.vehicles.shapes import Material


def test_the_fleet_has_several_models_of_each_category_of_its_size():
    lengths = {category: [2 * m.half_length_m for m in fleet() if m.category == category] for category in CATEGORIES}
    assert all(len(found) >= 3 for found in lengths.values())
    assert max(lengths["car"]) < 5.6 < min(lengths["truck"])
    assert min(lengths["bus"]) > 9
    assert len({model.name for model in fleet()}) == len(fleet())


@pytest.mark.parametrize("model", fleet(), ids=lambda model: model.name)
def test_models_are_sound(model):
    assert np.isfinite(model.vertices).all()
    assert len(model.vertices) < 400
    assert np.allclose(np.linalg.norm(model.normals, axis=-1), 1, atol=1e-3)
    assert abs(model.vertices[..., 2].min()) < 0.05
    assert abs(model.vertices[..., 0].min() + model.vertices[..., 0].max()) < 0.02
    assert len(model.head_lamps) == len(model.tail_lamps) == 2
    assert (model.head_lamps[:, 1] > model.half_length_m - 0.3).all()
    assert (model.tail_lamps[:, 1] < -model.half_length_m + 0.3).all()
    assert {Material.PAINT, Material.GLASS, Material.TYRE, Material.PLATE} <= set(model.materials.tolist())


@pytest.mark.parametrize("model", fleet(), ids=lambda model: model.name)
def test_outer_faces_look_outward(model):
    middles, faces = model.vertices.mean(1), model.face_normals
    lamps = np.isin(model.materials, [Material.HEAD_LAMP, Material.TAIL_LAMP])
    assert (np.sign(faces[lamps, 1]) == np.sign(middles[lamps, 1])).all()
    rims = model.materials == Material.RIM
    assert (np.sign(faces[rims, 0]) == np.sign(middles[rims, 0])).all()
    roof = middles[:, 2] > model.height_m - 0.03
    assert (faces[roof, 2] > -0.1).all()
    panes = np.isin(model.materials, [Material.GLASS, Material.LIT_GLASS]) & (np.abs(faces[:, 0]) > 0.8)
    assert (np.sign(faces[panes, 0]) == np.sign(middles[panes, 0])).all()


def test_place_turns_without_mirroring():
    model = fleet()[0]
    quads = place([PlacedVehicle(1, model, 10.0, 5.0, np.pi / 2, 0.0, (1, 0, 0), (1, 0, 0))])
    head = quads.vertices[quads.materials == Material.HEAD_LAMP].mean((0, 1))
    assert np.allclose(head[:2], [10.0, 5.0 + model.head_lamps[:, 1].mean()], atol=1e-3)
    right = model.vertices[..., 0].mean(1) > 0.5
    assert (quads.vertices[right].mean(1)[:, 0] > 10.0).all()
    recomputed = np.cross(quads.vertices[:, 2] - quads.vertices[:, 0], quads.vertices[:, 3] - quads.vertices[:, 1])
    assert (np.einsum("nd,nd->n", recomputed, quads.face_normals) > 0).all()


def test_place_keeps_track_of_owners():
    first, second = fleet()[0], fleet()[-1]
    quads = place([PlacedVehicle(k, m, 0, 0, 0, 0, (1, 0, 0), (1, 0, 0)) for k, m in enumerate((first, second))])
    assert np.bincount(quads.owner).tolist() == [len(first.vertices), len(second.vertices)]
