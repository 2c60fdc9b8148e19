from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.frame_array import FrameArray, map_array

WHOLE = np.arange(8 * 2 * 3).reshape(8, 2, 3).astype(np.uint8)
PARTS = FrameArray([WHOLE[:3], WHOLE[3:3], WHOLE[3:4], WHOLE[4:]])


@pytest.mark.parametrize(
    "index",
    [
        0,
        3,
        -1,
        np.int64(4),
        slice(2, 7),
        slice(None),
        slice(6, 1, -2),
        [5, 0, 5],
        np.array([[7, 2], [-8, 3]]),
        np.arange(8) % 3 == 0,
        np.zeros(0, np.int64),
    ],
    ids=str,
)
def test_any_index_gives_what_the_joined_array_gives(index: object) -> None:
    np.testing.assert_array_equal(PARTS[index], WHOLE[index])


def test_it_has_the_shape_and_content_of_the_joined_array() -> None:
    assert (PARTS.shape, len(PARTS), PARTS.ndim, PARTS.dtype) == (WHOLE.shape, 8, 3, np.uint8)
    np.testing.assert_array_equal(np.asarray(PARTS), WHOLE)
    assert np.asarray(PARTS, np.float32).dtype == np.float32


@pytest.mark.parametrize("index", [8, -9, [0, 8]], ids=str)
def test_beyond_the_end_there_is_nothing(index: object) -> None:
    with pytest.raises(IndexError, match="8 elements"):
        PARTS[index]


def test_an_element_is_read_in_place() -> None:
    assert np.shares_memory(PARTS[4], WHOLE)


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
