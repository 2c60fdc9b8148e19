"""Occluders: the parts of the scenery that can hide a vehicle, as convex solids on rectangles of ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT

_GOLDEN = (1 + 5**0.5) / 2
_ICOSAHEDRON = np.array(
    [(0, a, b) for a in (-1, 1) for b in (-_GOLDEN, _GOLDEN)]
    + [(a, b, 0) for a in (-1, 1) for b in (-_GOLDEN, _GOLDEN)]
    + [(b, 0, a) for a in (-1, 1) for b in (-_GOLDEN, _GOLDEN)]
) / np.hypot(1, _GOLDEN)
NUM_POINTS = len(_ICOSAHEDRON)
_PLAN_OF_CROWN = 0.7
"""Half size of the square of ground that a round crown covers, as a fraction of its radius."""


@dataclass(frozen=True, eq=False)
class Occluders:
    """`k` convex solids.

    Attributes:
        points: Points that span each solid, `k 12 3`.
        plan: The ground of each solid, `k 5`: x, y, heading, half length and half width.
    """

    points: np.ndarray
    plan: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def none(cls) -> Occluders:
        """Returns no occluders."""
        return cls(np.zeros((0, NUM_POINTS, 3), FLOAT), np.zeros((0, 5), FLOAT))

    @classmethod
    def joined(cls, parts: list[Occluders]) -> Occluders:
        """Returns all occluders of several parts."""
        parts = [cls.none(), *parts]
        return cls(np.concatenate([part.points for part in parts]), np.concatenate([part.plan for part in parts]))


def box_occluders(boxes: np.ndarray) -> Occluders:
    """Returns boxes `n 5 4 3`, as `oriented_boxes` makes them, as occluders."""
    if len(boxes) == 0:
        return Occluders.none()
    foot, roof = boxes[:, :4, 0], boxes[:, 4]
    points = np.concatenate([foot, roof, roof], 1)
    along, across = foot[:, 1] - foot[:, 0], foot[:, 2] - foot[:, 1]
    middle = foot.mean(1)
    plan = np.column_stack(
        [
            middle[:, :2],
            np.arctan2(along[:, 1], along[:, 0]),
            np.linalg.norm(along, axis=1) / 2,
            np.linalg.norm(across, axis=1) / 2,
        ]
    )
    return Occluders(points.astype(FLOAT), plan.astype(FLOAT))


def round_occluders(centres: np.ndarray, radius: np.ndarray, half_height: np.ndarray) -> Occluders:
    """Returns round crowns with centres `n 3`, radii `n` and half heights `n` as occluders."""
    if len(centres) == 0:
        return Occluders.none()
    reach = np.stack([radius, radius, half_height], -1)
    points = centres[:, None] + reach[:, None] * _ICOSAHEDRON
    half = radius * _PLAN_OF_CROWN
    plan = np.column_stack([centres[:, :2], np.zeros(len(centres)), half, half])
    return Occluders(points.astype(FLOAT), plan.astype(FLOAT))
