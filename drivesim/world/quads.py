"""Quads: the one primitive of the world, and the solids that are made of them.

A quad is four corners, counter-clockwise seen from outside; a triangle repeats its last corner. All solids are
built for many objects at once, so that a world of thousands of windows and dashes costs a few numpy calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLOAT = np.float32

Colour = tuple[float, float, float]
"""Red, green and blue in 0..1."""


@dataclass(frozen=True, eq=False)
class QuadMesh:
    """`n` quads with what lighting needs.

    vertices (n 4 3) metres; albedo (n 4 3) reflected colour 0..1; emission (n 4 3) light sent out at night;
    normals (n 4 3) unit vectors per corner, smooth where the solid is round; alpha (n 4) opacity 0..1;
    overlay (n) whether the quad lies on another one and must win against it at any distance.
    """

    vertices: np.ndarray
    albedo: np.ndarray
    emission: np.ndarray
    normals: np.ndarray
    alpha: np.ndarray
    overlay: np.ndarray

    def __len__(self) -> int:
        return len(self.vertices)


class QuadBuilder:
    """Collects quads in drawing order; `build` joins them to one mesh."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(self, vertices, albedo, emission=(0.0, 0.0, 0.0), normals=None, alpha=1.0, overlay=False) -> None:
        """Add quads of any leading shape (... 4 3).

        Colours broadcast from (3), (n 3) or (n 4 3), opacity from a number or (n 4). Normals are those of the
        faces unless given as (3) or (n 4 3).
        """
        vertices = np.asarray(vertices, FLOAT).reshape(-1, 4, 3)
        count = len(vertices)
        if count == 0:
            return
        if normals is None:
            normals = face_normals(vertices)
        self._parts.append(
            (
                vertices,
                spread(albedo, count),
                spread(emission, count),
                spread(normals, count),
                np.broadcast_to(np.asarray(alpha, FLOAT), (count, 4)),
                np.full(count, overlay),
            )
        )

    def build(self) -> QuadMesh:
        if not self._parts:
            empty = np.zeros((0, 4, 3), FLOAT)
            return QuadMesh(empty, empty, empty, empty, np.zeros((0, 4), FLOAT), np.zeros(0, bool))
        return QuadMesh(*(np.ascontiguousarray(np.concatenate(column)) for column in zip(*self._parts, strict=True)))


def spread(values, count: int) -> np.ndarray:
    """Broadcast per-mesh (3), per-quad (n 3) or per-corner (... 4 3) values to (n 4 3)."""
    values = np.asarray(values, FLOAT)
    if values.ndim == 1:
        return np.broadcast_to(values, (count, 4, 3))
    if values.ndim == 2:
        return np.broadcast_to(values[:, None], (count, 4, 3))
    return values.reshape(count, 4, 3)


def face_normals(quads: np.ndarray) -> np.ndarray:
    """Unit normals (n 3) of quads (n 4 3), from their diagonals, so that triangles work too."""
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


def patches(grid: np.ndarray) -> np.ndarray:
    """Quads (... rows-1 cols-1 4 c) between the points, or other values, of a grid (... rows cols c)."""
    return np.stack([grid[..., :-1, :-1, :], grid[..., :-1, 1:, :], grid[..., 1:, 1:, :], grid[..., 1:, :-1, :]], -2)


def oriented_boxes(x, y, heading, length, width, bottom, top) -> np.ndarray:
    """Boxes as quads (n 5 4 3): right wall, front wall, left wall, back wall, roof; all arguments broadcast to (n)."""
    x, y, heading, length, width, bottom, top = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(value, FLOAT)) for value in (x, y, heading, length, width, bottom, top))
    )
    along = np.array([-1, 1, 1, -1], FLOAT) * length[:, None] / 2
    left = np.array([-1, -1, 1, 1], FLOAT) * width[:, None] / 2
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
    plan = np.stack([x[:, None] + along * cos - left * sin, y[:, None] + along * sin + left * cos], -1)
    low = np.concatenate([plan, np.broadcast_to(bottom[:, None, None], (len(x), 4, 1))], -1)
    high = np.concatenate([plan, np.broadcast_to(top[:, None, None], (len(x), 4, 1))], -1)
    walls = np.stack([low, np.roll(low, -1, 1), np.roll(high, -1, 1), high], 2)
    return np.concatenate([walls, high[:, None]], 1).astype(FLOAT)


def surfaces_of_revolution(centres, radii, heights, sides: int, wobble=None):
    """Trunks, cones, poles and crowns: rings of `sides` corners around vertical axes.

    centres (n 3) of the axes' feet; radii and heights (n rings); wobble (n rings sides) scales the radius of each
    corner. Returns quads and smooth normals, both (n rings-1 sides 4 3).
    """
    centres, radii, heights = (np.asarray(value, FLOAT) for value in (centres, radii, heights))
    angle = np.arange(sides, dtype=FLOAT) * (2 * np.pi / sides) + 0.3
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    reach = radii[:, :, None] if wobble is None else radii[:, :, None] * wobble
    reach = np.broadcast_to(reach, (*radii.shape, sides))
    level = np.broadcast_to(heights[:, :, None, None], (*radii.shape, sides, 1))
    points = np.concatenate([reach[..., None] * circle, level], -1) + centres[:, None, None]
    outward, upward = np.gradient(heights, axis=1), -np.gradient(radii, axis=1)
    normals = np.concatenate(
        [outward[:, :, None, None] * circle, np.broadcast_to(upward[:, :, None, None], level.shape)], -1
    )
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
    return patches(close_rings(points)), patches(close_rings(normals))


def close_rings(grid: np.ndarray) -> np.ndarray:
    """Repeat the first corner of each ring (... rings sides c) behind the last."""
    return np.concatenate([grid, grid[..., :1, :]], -2)


def discs(centres, radius, right, up, corners: int = 8) -> np.ndarray:
    """Discs as fans of quads (n corners/2 4 3): corner 0 is the middle, the others lie on the rim.

    centres (n 3), radius (n), right and up (3) or (n 3) unit vectors that span the plane.
    """
    centres = np.asarray(centres, FLOAT)
    angle = np.arange(corners + 1) * (2 * np.pi / corners)
    right, up = (np.broadcast_to(np.asarray(axis, FLOAT), centres.shape) for axis in (right, up))
    radius = np.broadcast_to(np.asarray(radius, FLOAT), len(centres))[:, None, None]
    rim = centres[:, None] + radius * (np.cos(angle)[:, None] * right[:, None] + np.sin(angle)[:, None] * up[:, None])
    middle = np.broadcast_to(centres[:, None], (len(centres), corners // 2, 3))
    return np.stack([middle, rim[:, :-1:2], rim[:, 1::2], rim[:, 2::2]], 2).astype(FLOAT)
