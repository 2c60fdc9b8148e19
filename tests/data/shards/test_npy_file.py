"""`.npy` files that are written element by element and mapped into memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.shards.npy_file import NpyWriter, map_array

WHOLE = np.arange(8 * 2 * 3).reshape(8, 2, 3).astype(np.uint8)


def test_a_written_file_is_what_numpy_saves(tmp_path: Path) -> None:
    writer = NpyWriter(tmp_path / "written.npy", np.uint8, WHOLE.shape[1:])
    for element in (*WHOLE[:3], *WHOLE[:4]):
        writer.append(element)
    writer.cut(3)
    for element in WHOLE[3:]:
        writer.append(element)
    writer.close()
    np.save(tmp_path / "saved.npy", WHOLE)
    assert (tmp_path / "written.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


@pytest.mark.parametrize("element", [WHOLE[0, :1], WHOLE[:1], WHOLE[0].astype(np.int16)], ids=["shape", "axes", "type"])
def test_only_elements_of_the_shape_and_type_are_taken(tmp_path: Path, element: np.ndarray) -> None:
    writer = NpyWriter(tmp_path / "written.npy", np.uint8, WHOLE.shape[1:])
    with pytest.raises(ValueError, match=r"expected uint8 \(2, 3\), got"):
        writer.append(element)
    writer.close()
    assert len(map_array(tmp_path / "written.npy")) == 0


@pytest.mark.parametrize("array", [WHOLE, WHOLE[:0], np.linspace(0, 1, 24, dtype=np.float16).reshape(4, 6)], ids=str)
def test_a_mapped_array_is_that_of_the_file_and_keeps_no_file_open(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "array.npy", array)
    before = os.listdir("/proc/self/fd")
    mapped = map_array(tmp_path / "array.npy")
    assert os.listdir("/proc/self/fd") == before
    assert mapped.dtype == array.dtype
    np.testing.assert_array_equal(mapped, array)
    assert not (mapped.size and mapped.flags.writeable)


def test_a_file_of_another_length_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", WHOLE)
    os.truncate(tmp_path / "array.npy", 150)
    with pytest.raises(ValueError, match="expected 176 bytes, the file has 150"):
        map_array(tmp_path / "array.npy")
