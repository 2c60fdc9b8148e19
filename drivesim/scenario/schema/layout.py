"""The vehicles of one frame, as the models are conditioned on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SceneLayout:
    """The boxes of one frame.

    Attributes:
        xyxy: Edges of the visible parts, float32 `n 4`, in 0..1.
        category: Categories as positions in `CATEGORIES`, int64 `n`.
    """

    xyxy: np.ndarray
    category: np.ndarray

    def __post_init__(self) -> None:
        if self.xyxy.ndim != 2 or self.xyxy.shape != (len(self.category), 4):
            raise ValueError(f"expected boxes `n 4` and categories `n`, got {self.xyxy.shape}, {self.category.shape}")

    def __len__(self) -> int:
        return len(self.category)
