"""The parts that vehicles are built of: bodies, cabins, wheels, lamps.

Local frame: x to the right, y forward, z up, metres; the origin is on the ground in the middle of the footprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from drivesim.world.quads import FLOAT, discs, face_normals, patches

MIRROR = np.array([-1, 1, 1], FLOAT)


class Material(IntEnum):
    """What a quad of a vehicle is made of; colours and lamps are looked up by it."""

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
    """Collects quads and their materials; every method that adds a solid keeps its faces outward."""

    def __init__(self) -> None:
        self._quads: list[np.ndarray] = []
        self._materials: list[np.ndarray] = []

    def add(self, quads, material: Material) -> None:
        """Add quads (... 4 3) of one material."""
        quads = np.asarray(quads, FLOAT).reshape(-1, 4, 3)
        self._quads.append(quads)
        self._materials.append(np.full(len(quads), int(material)))

    def add_both_sides(self, quads, material: Material) -> None:
        """Add quads of the right-hand side and their mirror images."""
        self.add(quads, material)
        self.add(mirrored(quads), material)

    def build(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Vertices (n 4 3), smooth corner normals (n 4 3), face normals (n 3), materials (n)."""
        vertices = np.concatenate(self._quads)
        faces = face_normals(vertices)
        return vertices, smooth_normals(vertices, faces), faces, np.concatenate(self._materials)


def mirrored(quads) -> np.ndarray:
    """The quads of the other side of the vehicle, wound so that they still face outward."""
    return (np.asarray(quads, FLOAT).reshape(-1, 4, 3) * MIRROR)[:, [1, 0, 3, 2]]


def smooth_normals(quads: np.ndarray, faces: np.ndarray, crease_cos: float = 0.6) -> np.ndarray:
    """Corner normals (n 4 3): the mean over faces that share the corner and turn by less than the crease."""
    corners = np.round(quads.reshape(-1, 3) * 500).astype(np.int64)
    _, place = np.unique(corners, axis=0, return_inverse=True)
    place = place.reshape(-1)
    own = np.repeat(faces, 4, 0)
    shared = (place[:, None] == place[None]) & (own @ own.T > crease_cos)
    normals = shared.astype(FLOAT) @ own
    return (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)).reshape(-1, 4, 3)


def add_body(shape: ShapeBuilder, sections: Sequence[tuple[float, float, float, float]]) -> None:
    """A rounded lower body through cross-sections (y, half width, bottom, top), rear to front."""
    y, half_width, bottom, top = (np.array(column, FLOAT) for column in zip(*sections, strict=True))
    waist = bottom + (top - bottom) * 0.55
    x_of = np.stack([half_width * k for k in (0.82, 0.97, 1.0, 0.975, 0.87, 0.0)], 1)
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


def tower(levels: Sequence[tuple[float, float, float, float]], chamfer: float) -> tuple[np.ndarray, np.ndarray]:
    """A solid of stacked eight-cornered outlines (y rear, y front, half width, z), bottom to top.

    Returns its walls (levels-1 8 4 3), in the order rear, rear right, right, front right, front, front left, left,
    rear left, and its roof (3 4 3).
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


def add_tower(shape: ShapeBuilder, levels, chamfer: float, material: Material) -> np.ndarray:
    """Add a whole tower; returns its walls so that windows can be laid on them."""
    walls, roof = tower(levels, chamfer)
    shape.add(walls, material)
    shape.add(roof, material)
    return walls


def inset(quad, left: float, right: float, low: float, high: float, lift: float = 0.012) -> np.ndarray:
    """A pane (4 3) on a quad: the part between these fractions of its width and height, lifted off its face."""
    quad = np.asarray(quad, FLOAT)
    lifted = quad + face_normals(quad[None])[0] * lift
    across, up = np.array([left, right, right, left]), np.array([low, low, high, high])
    weights = np.stack([(1 - across) * (1 - up), across * (1 - up), across * up, (1 - across) * up], 1)
    return (weights @ lifted).astype(FLOAT)


def panel(x0: float, x1: float, y: float, z0: float, z1: float, facing: str) -> np.ndarray:
    """An upright pane (4 3) across the vehicle, seen from its `rear` or its `front`."""
    if facing == "front":
        x0, x1 = x1, x0
    return np.array([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], FLOAT)


def add_lamps(shape: ShapeBuilder, material: Material, inner: float, outer: float, y: float, low: float, high: float):
    """A pair of lamps between x = ±inner and ±outer; head lamps face forward, all others backward."""
    facing = "front" if material == Material.HEAD_LAMP else "rear"
    shape.add(panel(inner, outer, y, low, high, facing), material)
    shape.add(panel(-outer, -inner, y, low, high, facing), material)


def add_wheels(shape: ShapeBuilder, x_outer: float, y: float, radius: float, width: float = 0.22) -> None:
    """A pair of wheels whose outer faces stand at x = ±x_outer, with tyre, rim and dark arch."""
    angle = np.arange(13) * (2 * np.pi / 12)
    outer = np.stack([np.full(13, x_outer), y + radius * np.cos(angle), radius + radius * np.sin(angle)], -1)
    inner = outer - np.array([width, 0, 0])
    shape.add_both_sides(np.stack([outer[:-1], inner[:-1], inner[1:], outer[1:]], 1), Material.TYRE)
    hub = np.array([[x_outer, y, radius]])
    shape.add_both_sides(discs(hub, radius, (0, 1, 0), (0, 0, 1), 12), Material.TYRE)
    shape.add_both_sides(discs(hub + np.array([0.012, 0, 0]), radius * 0.62, (0, 1, 0), (0, 0, 1), 12), Material.RIM)
    shape.add_both_sides(discs(hub + np.array([0.02, 0, 0]), radius * 0.2, (0, 1, 0), (0, 0, 1), 4), Material.PLASTIC)


def add_arches(shape: ShapeBuilder, x: float, y: float, radius: float) -> None:
    """Dark openings around a pair of wheels, on the skin at x = ±x."""
    reach = radius * 1.2
    fan = discs(np.array([[x, y, radius]]), reach, (0, 1, 0), (0, 0, 1), 12)
    fan[..., 2] = np.maximum(fan[..., 2], radius * 0.62)
    shape.add_both_sides(fan, Material.PLASTIC)
