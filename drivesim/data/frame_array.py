"""Arrays in several files that read as one array, without being in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class FrameArray:
    """Arrays `n_i ...` that are joined along the first axis lazily: only what is indexed is read.

    An integer index returns a view of the part that holds the element. A slice, an array or list of integers, or a mask
    returns a new array. `numpy.asarray` reads everything. An index beyond the end raises IndexError.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in self.parts])
        self.shape = (int(self._ends[-1]), *self.parts[0].shape[1:])
        self.dtype = self.parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        if isinstance(index, int | np.integer):
            part, within = self._places(np.array([index]))
            return self.parts[part[0]][within[0]]
        if isinstance(index, slice):
            index = np.arange(*index.indices(len(self)))
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        part, within = self._places(index.reshape(-1).astype(np.int64))
        picked = np.empty((len(part), *self.shape[1:]), self.dtype)
        for number in np.unique(part):
            here = part == number
            picked[here] = self.parts[number][within[here]]
        return picked.reshape(*index.shape, *self.shape[1:])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the frames lie in several files; reading them makes a copy")
        return np.concatenate(self.parts).astype(dtype or self.dtype, copy=False)

    def _places(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the part that holds each index, and the index within that part."""
        index = np.where(index < 0, index + len(self), index)
        if len(index) and (index.min() < 0 or index.max() >= len(self)):
            raise IndexError(f"index outside the {len(self)} elements")
        part = np.searchsorted(self._ends, index, side="right")
        return part, index - (self._ends - [len(p) for p in self.parts])[part]
