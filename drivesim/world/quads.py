"""Quads, the one primitive of the world, and the solids that are made of them.

A quad has four corners, counter-clockwise as seen from outside; a triangle repeats its last corner. All solids are
built for many objects at once, so that a world of thousands of windows and dashes needs only a few numpy calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

FLOAT = np.float32

Colour = tuple[float, float, float]
"""Red, green and blue in 0..1."""


@dataclass(frozen=True, eq=False)
class QuadMesh:
    """`n` quads with everything that lighting needs.

    Attributes:
        vertices: Corners in metres, `n 4 3`.
        albedo: Reflected colour of each corner, 0 to 1, `n 4 3`.
        emission: Light that each corner emits at night, `n 4 3`.
        normals: Unit normal at each corner, smooth where the solid is round, `n 4 3`.
        alpha: Opacity of each corner, 0 to 1, `n 4`.
        overlay: Whether the quad lies on another one and must stay in front of it at any distance, `n`.
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
    """Collects quads in drawing order and joins them into one mesh."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(
        self,
        vertices: ArrayLike,
        albedo: ArrayLike,
        emission: ArrayLike = (0.0, 0.0, 0.0),
        normals: ArrayLike | None = None,
        alpha: ArrayLike = 1.0,
        overlay: bool = False,
    ) -> None:
        """Adds quads.

        Args:
            vertices: Corners `... 4 3`.
            albedo: Reflected colours, which broadcast from `3`, `n 3` or `n 4 3`.
            emission: Emitted light, which broadcasts likewise.
            normals: Unit normals `3` or `n 4 3`; by default those of the faces.
            alpha: Opacity, a number or `n 4`.
            overlay: Whether the quads lie on others and must stay in front of them.
        """
        corners = np.asarray(vertices, FLOAT).reshape(-1, 4, 3)
        count = len(corners)
        if count == 0:
            return
        self._parts.append(
            (
                corners,
                spread(albedo, count),
                spread(emission, count),
                spread(face_normals(corners) if normals is None else normals, count),
                np.broadcast_to(np.asarray(alpha, FLOAT), (count, 4)),
                np.full(count, overlay),
            )
        )

    def build(self) -> QuadMesh:
        """Returns the mesh of all quads."""
        if not self._parts:
            empty = np.zeros((0, 4, 3), FLOAT)
            return QuadMesh(empty, empty, empty, empty, np.zeros((0, 4), FLOAT), np.zeros(0, bool))
        return QuadMesh(*(np.ascontiguousarray(np.concatenate(column)) for column in zip(*self._parts, strict=True)))


def spread(values: ArrayLike, count: int) -> np.ndarray:
    """Broadcasts values per mesh `3`, per quad `n 3` or per corner `... 4 3` to `n 4 3`."""
    given = np.asarray(values, FLOAT)
    if given.ndim == 1:
        return np.broadcast_to(given, (count, 4, 3))
    if given.ndim == 2:
        return np.broadcast_to(given[:, None], (count, 4, 3))
    return given.reshape(count, 4, 3)


def face_normals(quads: np.ndarray) -> np.ndarray:
    """Returns unit normals `n 3` of quads `n 4 3`, from their diagonals, so that triangles work too."""
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


def patches(grid: np.ndarray) -> np.ndarray:
    """Returns quads `... rows-1 columns-1 4 c` between the points, or other values, of a grid `... rows columns c`."""
    return np.stack([grid[..., :-1, :-1, :], grid[..., :-1, 1:, :], grid[..., 1:, 1:, :], grid[..., 1:, :-1, :]], -2)


def oriented_boxes(
    x: ArrayLike,
    y: ArrayLike,
    heading: ArrayLike,
    length: ArrayLike,
    width: ArrayLike,
    bottom: ArrayLike,
    top: ArrayLike,
) -> np.ndarray:
    """Returns upright boxes as quads `n 5 4 3`: right wall, front wall, left wall, back wall, roof.

    Args:
        x: Middles of the boxes; like all arguments, they broadcast to `n`.
        y: Middles of the boxes.
        heading: Headings in radians.
        length: Sizes along the heading.
        width: Sizes across the heading.
        bottom: Heights of the lower edges.
        top: Heights of the roofs.
    """
    mid_x, mid_y, angle, long, wide, low_z, high_z = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(value, FLOAT)) for value in (x, y, heading, length, width, bottom, top))
    )
    along = np.array([-1, 1, 1, -1], FLOAT) * long[:, None] / 2
    left = np.array([-1, -1, 1, 1], FLOAT) * wide[:, None] / 2
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    plan = np.stack([mid_x[:, None] + along * cos - left * sin, mid_y[:, None] + along * sin + left * cos], -1)
    low = np.concatenate([plan, np.broadcast_to(low_z[:, None, None], (len(mid_x), 4, 1))], -1)
    high = np.concatenate([plan, np.broadcast_to(high_z[:, None, None], (len(mid_x), 4, 1))], -1)
    walls = np.stack([low, np.roll(low, -1, 1), np.roll(high, -1, 1), high], 2)
    return np.concatenate([walls, high[:, None]], 1).astype(FLOAT)


def surfaces_of_revolution(
    centres: ArrayLike, radii: ArrayLike, heights: ArrayLike, sides: int, wobble: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns trunks, cones, poles and crowns: rings of corners around vertical axes.

    Args:
        centres: Feet of the axes, `n 3`.
        radii: Radius of each ring, `n rings`.
        heights: Height of each ring above the foot, `n rings`.
        sides: Number of corners of each ring.
        wobble: Factors of the radius of each corner, `n rings sides`.

    Returns:
        Quads and smooth normals, both `n rings-1 sides 4 3`.
    """
    foot, radius, height = (np.asarray(value, FLOAT) for value in (centres, radii, heights))
    angle = np.arange(sides, dtype=FLOAT) * (2 * np.pi / sides) + 0.3
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    reach = radius[:, :, None] if wobble is None else radius[:, :, None] * wobble
    reach = np.broadcast_to(reach, (*radius.shape, sides))
    level = np.broadcast_to(height[:, :, None, None], (*radius.shape, sides, 1))
    points = np.concatenate([reach[..., None] * circle, level], -1) + foot[:, None, None]
    outward, upward = np.gradient(height, axis=1), -np.gradient(radius, axis=1)
    normals = np.concatenate(
        [outward[:, :, None, None] * circle, np.broadcast_to(upward[:, :, None, None], level.shape)], -1
    )
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9
    return patches(close_rings(points)), patches(close_rings(normals))


def close_rings(grid: np.ndarray) -> np.ndarray:
    """Repeats the first corner of each ring `... rings sides c` behind the last."""
    return np.concatenate([grid, grid[..., :1, :]], -2)


def discs(centres: ArrayLike, radius: ArrayLike, right: ArrayLike, up: ArrayLike, corners: int = 8) -> np.ndarray:
    """Returns discs as fans of quads `n corners/2 4 3`; corner 0 is the middle, and the others lie on the rim.

    Args:
        centres: Middles `n 3`.
        radius: Radii, a number or `n`.
        right: Unit vector in the plane of the discs, `3` or `n 3`.
        up: Unit vector in the plane at a right angle to `right`, `3` or `n 3`.
        corners: Number of corners on the rim.
    """
    middles = np.asarray(centres, FLOAT)
    angle = np.arange(corners + 1) * (2 * np.pi / corners)
    across, upward = (np.broadcast_to(np.asarray(axis, FLOAT), middles.shape) for axis in (right, up))
    reach = np.broadcast_to(np.asarray(radius, FLOAT), len(middles))[:, None, None]
    turned = np.cos(angle)[:, None] * across[:, None] + np.sin(angle)[:, None] * upward[:, None]
    rim = middles[:, None] + reach * turned
    middle = np.broadcast_to(middles[:, None], (len(middles), corners // 2, 3))
    return np.stack([middle, rim[:, :-1:2], rim[:, 1::2], rim[:, 2::2]], 2).astype(FLOAT)
