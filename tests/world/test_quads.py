from __future__ import annotations

import numpy as np

from drivesim.world.quads import QuadBuilder, discs, face_normals, oriented_boxes, patches, surfaces_of_revolution


def test_boxes_face_outward_and_have_their_size():
    box = oriented_boxes(5.0, -3.0, 0.7, 4.0, 2.0, 1.0, 3.0)[0]
    middle = np.array([5.0, -3.0, 2.0])
    outward = box.mean(1) - middle
    assert (np.einsum("nd,nd->n", face_normals(box), outward) > 0).all()
    assert np.allclose(sorted(np.linalg.norm(outward, axis=1)), [1, 1, 1, 2, 2], atol=1e-4)


def test_surfaces_of_revolution_face_outward():
    quads, normals = surfaces_of_revolution(np.array([[1.0, 2.0, 0.0]]), [[1.0, 0.5]], [[0.0, 2.0]], 8)
    quads, normals = quads.reshape(-1, 4, 3), normals.reshape(-1, 4, 3)
    outward = quads.mean(1) - np.array([1.0, 2.0, 1.0])
    assert (np.einsum("nd,nd->n", face_normals(quads), outward) > 0).all()
    assert (np.einsum("nkd,nd->nk", normals, outward) > 0).all()


def test_discs_cover_their_area():
    fan = discs(np.zeros((1, 3)), 2.0, (1, 0, 0), (0, 1, 0), 32)[0]
    halves = (
        np.cross(fan[:, 1] - fan[:, 0], fan[:, 2] - fan[:, 0]),
        np.cross(fan[:, 2] - fan[:, 0], fan[:, 3] - fan[:, 0]),
    )
    area = sum(np.linalg.norm(half, axis=1).sum() / 2 for half in halves)
    assert abs(area - 4 * np.pi) < 0.2


def test_patches_join_neighbouring_points():
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(4), indexing="ij"), -1).astype(float)
    quads = patches(grid)
    assert quads.shape == (2, 3, 4, 2)
    assert quads[0, 0].tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]


def test_builder_broadcasts_colours_and_keeps_order():
    builder = QuadBuilder()
    square = np.array([[[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]], float)
    builder.add(square, (1, 0, 0))
    builder.add(np.repeat(square, 2, 0) + 1, np.array([[0, 1, 0], [0, 0, 1]]), alpha=0.5)
    builder.add(np.zeros((0, 4, 3)), (1, 1, 1))
    mesh = builder.build()
    assert len(mesh) == 3
    assert mesh.albedo[:, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert mesh.alpha[:, 0].tolist() == [1.0, 0.5, 0.5]
    assert np.allclose(mesh.normals, (0, 0, 1))
    assert len(QuadBuilder().build()) == 0
