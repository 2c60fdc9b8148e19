"""An array of which only the committed items can be seen."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesim.errors import ArchiveError, InputError

if TYPE_CHECKING:
    import zarr


class CommittedArray:
    """The committed items of an array along its first axis, read chunk by chunk when they are asked for.

    It is indexed as numpy arrays are: by numbers, slices, lists, tuples, masks and `...`. But a slice of the first axis
    goes forward and may not reach beyond the committed items, and there are no new axes (`None`). `len`, iteration and
    `np.asarray` speak of committed items only.

    Args:
        what: Name of the array in messages.
        shape: Number of committed items, then the shape of an item.
        dtype: Type of the elements.
        chunk_length: Items per chunk.
        open_array: Opens the array; called when items are first asked for.
    """

    def __init__(
        self,
        what: str,
        shape: tuple[int, ...],
        dtype: type,
        chunk_length: int,
        open_array: Callable[[], zarr.Array[Any]],
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._what = what
        self._chunk_length = chunk_length
        self._open_array = open_array
        self._opened: zarr.Array[Any] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self._what}: {self.dtype} {self.shape}>"

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self), self._chunk_length):
            yield from self._read(slice(start, min(start + self._chunk_length, len(self))))

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        """Reads items, as numpy would index them.

        Raises:
            ArchiveError: Items are asked for that are not committed, or that are not what was committed.
            InputError: The key is no index of this array.
        """
        try:
            first, *others = self._without_leading_ellipsis(key if isinstance(key, tuple) else (key,))
            if isinstance(first, slice):
                return self._read(self._forward(first))[(slice(None), *others)]
            if isinstance(first, (list, tuple, range)) or (isinstance(first, np.ndarray) and first.ndim):
                indices = self._indices(np.asarray(first))
                return self._read(indices)[(np.arange(len(indices)), *others)]
            if first is None or isinstance(first, (bool, np.bool_)):
                raise IndexError("a new axis is not possible here; index the result with it")
            index = operator.index(first)
            self._require(-len(self) <= index < len(self), index)
            index %= len(self)
            return self._read(slice(index, index + 1))[(0, *others)]
        except (IndexError, TypeError) as error:
            raise InputError(f"{self._what}: {key!r} is no index of an array of shape {self.shape} ({error})") from None

    def _without_leading_ellipsis(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        if not key:
            return (slice(None),)
        if key[0] is not Ellipsis:
            return key
        if any(part is Ellipsis for part in key[1:]):
            raise IndexError("there is more than one ellipsis")
        return (*[slice(None)] * (len(self.shape) - len(key) + 1), *key[1:])

    def _forward(self, key: slice) -> slice:
        start, stop = (None if bound is None else operator.index(bound) for bound in (key.start, key.stop))
        for bound in (start, stop):
            self._require(bound is None or -len(self) <= bound <= len(self), bound)
        if key.step is not None and operator.index(key.step) < 1:
            raise InputError(f"{self._what}: a slice goes forward, its step is not {key.step}")
        return slice(*key.indices(len(self)))

    def _indices(self, key: np.ndarray) -> np.ndarray:
        if key.dtype == bool:
            if key.shape != self.shape[:1]:
                raise IndexError(f"a mask has one value per item, {len(self)}")
            return np.flatnonzero(key)
        if key.ndim != 1 or (key.size and not np.issubdtype(key.dtype, np.integer)):
            raise IndexError("a list holds whole numbers")
        for index in key:
            self._require(-len(self) <= index < len(self), index)
        return np.where(key < 0, key + len(self), key).astype(np.intp)

    def _read(self, items: slice | np.ndarray) -> np.ndarray:
        if self._opened is None:
            self._opened = self._open_array()
        try:
            return np.asarray(self._opened[items] if isinstance(items, slice) else self._opened.oindex[items])
        except (ArchiveError, InputError):
            raise
        except (RuntimeError, ValueError) as error:  # of a codec: the bytes are what was committed all the same
            raise ArchiveError(f"{self._what}: cannot be decoded ({error})") from error

    def _require(self, inside: bool, index: int | None) -> None:
        if not inside:
            raise ArchiveError(f"{self._what}: {index} was asked for, {len(self)} are committed")
