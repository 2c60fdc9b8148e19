"""The parts that vehicles are built of: bodies, cabins, wheels and lamps.

Local frame: x points right, y forward and z up, in metres; the origin is on the ground in the middle of the footprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from drivesim.world.quads import FLOAT, discs, face_normals, patches

Section = tuple[float, float, float, float]
"""One outline of a solid; `add_body` and `tower` say what the four numbers are."""
Span = tuple[float, float]
"""Where something begins and ends along one axis."""

MIRROR = np.array([-1, 1, 1], FLOAT)
REAR, RIGHT, FRONT, LEFT = 0, 2, 4, 6
"""Which of the eight walls of a tower's storey faces where; the walls between them are the chamfers."""
PLATE_HALF_WIDTH_M = 0.26

_CORNERS_PER_M = 500
"""Corners in the same cell of this grid are one corner."""
_CREASE_COS = 0.6
"""Faces that meet at a sharper angle than this keep a hard edge between them."""
_BODY_WIDTHS = (0.82, 0.97, 1.0, 0.975, 0.87, 0.0)
"""Half widths of a body from its lower edge to the middle of its upper side, as fractions of the largest."""
_WAIST = 0.55
"""Height of the widest place of a body, as a fraction of its own height."""
_PANE_LIFT_M = 0.012
_TYRE_SIDES, _TYRE_WIDTH_M = 12, 0.22
_RIM_RADIUS, _RIM_LIFT_M = 0.62, 0.012
_HUB_RADIUS, _HUB_LIFT_M, _HUB_SIDES = 0.2, 0.02, 4
"""Radii of rim and hub as fractions of the wheel's, and how far they stand out from the tyre."""
_ARCH_RADIUS, _ARCH_BOTTOM = 1.2, 0.62
"""Radius and lower edge of a wheel arch, as fractions of the wheel's radius."""


class Material(IntEnum):
    """What a quad of a vehicle is made of; its colour and its light depend on it."""

    PAINT = 0
    CARGO = 1
    GLASS = 2
    LIT_GLASS = 3
    PLASTIC = 4
    TYRE = 5
    RIM = 6
    HEAD_LAMP = 7
    TAIL_LAMP = 8
    BRAKE_LAMP = 9
    PLATE = 10
    CHROME = 11
    INDICATOR = 12


class ShapeBuilder:
    """Collects quads and their materials. Whatever adds a solid keeps its faces outward."""

    def __init__(self) -> None:
        self._quads: list[np.ndarray] = []
        self._materials: list[np.ndarray] = []

    def add(self, quads: ArrayLike, material: Material) -> None:
        """Adds quads `... 4 3` of one material."""
        corners = np.asarray(quads, FLOAT).reshape(-1, 4, 3)
        self._quads.append(corners)
        self._materials.append(np.full(len(corners), int(material)))

    def add_both_sides(self, quads: ArrayLike, material: Material) -> None:
        """Adds quads `... 4 3` of the right-hand side and their mirror images."""
        self.add(quads, material)
        self.add(mirrored(quads), material)

    def build(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Returns vertices `n 4 3`, smooth corner normals `n 4 3`, face normals `n 3` and materials `n`."""
        vertices = np.concatenate(self._quads)
        faces = face_normals(vertices)
        return vertices, smooth_normals(vertices, faces), faces, np.concatenate(self._materials)


def mirrored(quads: ArrayLike) -> np.ndarray:
    """Returns quads `... 4 3` on the other side of the vehicle, wound so that they still face outward: `n 4 3`."""
    return (np.asarray(quads, FLOAT).reshape(-1, 4, 3) * MIRROR)[:, [1, 0, 3, 2]]


def smooth_normals(quads: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Returns corner normals `n 4 3`: means over the faces that share a corner and meet at less than the crease angle.

    Args:
        quads: Corners `n 4 3`.
        faces: Unit normals of the quads, `n 3`.
    """
    corners = np.round(quads.reshape(-1, 3) * _CORNERS_PER_M).astype(np.int64)
    _, place = np.unique(corners, axis=0, return_inverse=True)
    place = place.reshape(-1)
    own = np.repeat(faces, 4, 0)
    shared = (place[:, None] == place[None]) & (own @ own.T > _CREASE_COS)
    normals = shared.astype(FLOAT) @ own
    unit: np.ndarray = (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)).reshape(-1, 4, 3)
    return unit


def add_body(shape: ShapeBuilder, sections: Sequence[Section]) -> None:
    """Adds a rounded lower body through cross-sections (y, half width, bottom, top), from the rear to the front."""
    y, half_width, bottom, top = (np.array(column, FLOAT) for column in zip(*sections, strict=True))
    waist = bottom + (top - bottom) * _WAIST
    x_of = np.stack([half_width * width for width in _BODY_WIDTHS], 1)
    z_of = np.stack([bottom, bottom + 0.13, waist, top - 0.10, top - 0.015, top + 0.02], 1)
    right = np.stack([x_of, np.broadcast_to(y[:, None], x_of.shape), z_of], -1)
    skin = patches(right.transpose(1, 0, 2))
    shape.add_both_sides(skin[:1], Material.PLASTIC)
    shape.add_both_sides(skin[1:], Material.PAINT)
    left = right * MIRROR
    shape.add(np.stack([left[:-1, 0], left[1:, 0], right[1:, 0], right[:-1, 0]], 1), Material.PLASTIC)
    for end, order in ((0, 1), (-1, -1)):
        a, b = (left[end], right[end])[::order]
        cap = np.stack([a[:-1], b[:-1], b[1:], a[1:]], 1)
        shape.add(cap[:1], Material.PLASTIC)
        shape.add(cap[1:], Material.PAINT)


def tower(levels: Sequence[Section], chamfer: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns a solid of stacked eight-cornered outlines.

    Args:
        levels: Outlines (y of the rear, y of the front, half width, z) from the bottom to the top.
        chamfer: Length of the chamfered corners along each axis, in metres.

    Returns:
        The walls `storeys 8 4 3`, in the order rear, rear right, right, front right, front, front left, left, rear
        left (`REAR`, `RIGHT`, `FRONT`, `LEFT`), and the roof `3 4 3`.
    """
    rings = []
    for rear, front, half, z in levels:
        inner = half - chamfer
        plan = [(-inner, rear), (inner, rear), (half, rear + chamfer), (half, front - chamfer)]
        plan += [(inner, front), (-inner, front), (-half, front - chamfer), (-half, rear + chamfer)]
        rings.append([(x, y, z) for x, y in plan])
    grid = np.array(rings, FLOAT)
    walls = patches(np.concatenate([grid, grid[:, :1]], 1))
    top = grid[-1]
    roof = np.stack([top[[0, 1, 2, 7]], top[[7, 2, 3, 6]], top[[6, 3, 4, 5]]])
    return walls, roof


def add_tower(shape: ShapeBuilder, levels: Sequence[Section], chamfer: float, material: Material) -> np.ndarray:
    """Adds a `tower` of one material and returns its walls, so that windows can be laid on them."""
    walls, roof = tower(levels, chamfer)
    shape.add(walls, material)
    shape.add(roof, material)
    return walls


def inset(
    quad: ArrayLike, left: float, right: float, low: float, high: float, lift: float = _PANE_LIFT_M
) -> np.ndarray:
    """Returns a pane `4 3` on a quad `4 3`.

    Args:
        quad: The quad that the pane lies on.
        left: Left edge of the pane, as a fraction of the quad's width.
        right: Right edge, likewise.
        low: Lower edge, as a fraction of the quad's height.
        high: Upper edge, likewise.
        lift: Distance of the pane in front of the quad, in metres.
    """
    corners = np.asarray(quad, FLOAT)
    lifted = corners + face_normals(corners[None])[0] * lift
    across, up = np.array([left, right, right, left]), np.array([low, low, high, high])
    weights = np.stack([(1 - across) * (1 - up), across * (1 - up), across * up, (1 - across) * up], 1)
    return (weights @ lifted).astype(FLOAT)


def panel(across: Span, y: float, upright: Span, facing: Literal["front", "rear"]) -> np.ndarray:
    """Returns an upright pane `4 3` across the vehicle, between two x and two z, that faces forward or backward."""
    (x0, x1), (z0, z1) = across, upright
    if facing == "front":
        x0, x1 = x1, x0
    return np.array([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], FLOAT)


def add_lamps(shape: ShapeBuilder, material: Material, across: Span, y: float, upright: Span) -> None:
    """Adds a pair of lamps, each between two distances from the middle and two heights.

    Head lamps face forward, all others backward.
    """
    facing: Literal["front", "rear"] = "front" if material == Material.HEAD_LAMP else "rear"
    inner, outer = across
    shape.add(panel((inner, outer), y, upright, facing), material)
    shape.add(panel((-outer, -inner), y, upright, facing), material)


def add_wheels(shape: ShapeBuilder, x_outer: float, y: float, radius: float, width: float = _TYRE_WIDTH_M) -> None:
    """Adds a pair of wheels with tyre, rim and hub whose outer faces stand at x = ±x_outer."""
    angle = np.arange(_TYRE_SIDES + 1) * (2 * np.pi / _TYRE_SIDES)
    outer = np.stack([np.full(len(angle), x_outer), y + radius * np.cos(angle), radius + radius * np.sin(angle)], -1)
    inner = outer - np.array([width, 0, 0])
    shape.add_both_sides(np.stack([outer[:-1], inner[:-1], inner[1:], outer[1:]], 1), Material.TYRE)
    middle = np.array([[x_outer, y, radius]])

    def add_disc(lift: float, disc_radius: float, sides: int, material: Material) -> None:
        disc = discs(middle + np.array([lift, 0, 0]), disc_radius, (0, 1, 0), (0, 0, 1), sides)
        shape.add_both_sides(disc, material)

    add_disc(0, radius, _TYRE_SIDES, Material.TYRE)
    add_disc(_RIM_LIFT_M, radius * _RIM_RADIUS, _TYRE_SIDES, Material.RIM)
    add_disc(_HUB_LIFT_M, radius * _HUB_RADIUS, _HUB_SIDES, Material.PLASTIC)


def add_arches(shape: ShapeBuilder, x: float, y: float, radius: float) -> None:
    """Adds dark openings around a pair of wheels of this radius, on the skin at x = ±x."""
    fan = discs(np.array([[x, y, radius]]), radius * _ARCH_RADIUS, (0, 1, 0), (0, 0, 1), _TYRE_SIDES)
    fan[..., 2] = np.maximum(fan[..., 2], radius * _ARCH_BOTTOM)
    shape.add_both_sides(fan, Material.PLASTIC)
