"""The road in one frame, as the models are conditioned on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RoadView:
    """The lines and areas of a road in one frame, where nothing hides them.

    Attributes:
        kind: Kinds as positions in `ROAD_KINDS`, int64 `e`.
        length: Number of points of each element, int64 `e`.
        points: The points of all elements one after the other, float32 `p 2` in 0..1; x points right and y down. A
            `drivable_area` is bounded by its points, the other kinds lead through them.
    """

    kind: np.ndarray
    length: np.ndarray
    points: np.ndarray

    def __post_init__(self) -> None:
        if self.kind.shape != self.length.shape or self.points.shape != (int(self.length.sum()), 2):
            raise ValueError(
                f"expected kinds and lengths `e` and as many points `p 2`, got {self.kind.shape}, {self.length.shape}, "
                f"{self.points.shape}"
            )

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def elements(self) -> list[tuple[int, np.ndarray]]:
        """Kind and points `k 2` of each element."""
        parts = np.split(self.points, np.cumsum(self.length)[:-1])
        return list(zip(map(int, self.kind), parts, strict=False))
