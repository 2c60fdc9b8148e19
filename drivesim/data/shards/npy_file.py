"""`.npy` files that are larger than memory: written element by element, and read by mapping them into memory."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from drivesim.data.publishing import writing
from drivesim.regular_files import open_regular


def map_array(path: Path) -> np.ndarray:
    """Maps the array of a `.npy` file into memory, read-only.

    torch maps it, because torch keeps no file open; otherwise footage of many shards would reach the limit of open
    files.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file does not hold such an array, or has another length.
    """
    import torch  # imported here, because processes that record footage only write such files

    with open_regular(path) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"expected the .npy format 1.0, got {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        start, size = file.tell(), int(np.prod(shape)) * dtype.itemsize
        if file.seek(0, 2) != start + size:
            raise ValueError(f"expected {start + size} bytes, the file has {file.tell()}")
    if not size:
        return np.empty(shape, dtype)
    array = torch.from_file(str(path), shared=False, size=start + size, dtype=torch.uint8)[start:].numpy()
    array = array.view(dtype).reshape(shape)
    array.flags.writeable = False
    return array


class NpyWriter:
    """A `.npy` file that grows by one element of `shape` at a time.

    The file is written and not memory-mapped, so that a full disk raises an error instead of a signal that ends the
    process.
    """

    def __init__(self, path: Path, dtype: type, shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape, self._count = path, np.dtype(dtype), shape, 0
        self._bytes_each = int(np.prod(shape)) * self._dtype.itemsize
        with writing(path):
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 closed by close
            self._write(self._header())
        self._start = self._file.tell()

    def append(self, element: np.ndarray) -> None:
        """Adds one element; raises ValueError if its shape or type is another."""
        if element.shape != self._shape or element.dtype != self._dtype:
            raise ValueError(f"expected {self._dtype} {self._shape}, got {element.dtype} {element.shape}")
        with writing(self._path):
            self._write(np.ascontiguousarray(element).data.cast("B"))
        self._count += 1

    def cut(self, count: int) -> None:
        """Removes all but the first `count` elements."""
        self._count = count
        with writing(self._path):
            self._file.seek(self._start + count * self._bytes_each)
            self._file.truncate()

    def close(self) -> None:
        """Writes the number of elements into the header and closes the file."""
        with writing(self._path), self._file:
            self._file.seek(0)
            self._write(self._header())

    def _header(self) -> bytes:
        header = io.BytesIO()
        descr = np.lib.format.dtype_to_descr(self._dtype)
        shape = (self._count, *self._shape)
        np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
        return header.getvalue()  # numpy leaves room for the first axis to grow, so that its length stays the same

    def _write(self, content: bytes | memoryview) -> None:
        view = memoryview(content)
        while view:
            view = view[self._file.write(view) :]
