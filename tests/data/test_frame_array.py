from __future__ import annotations

import numpy as np
import pytest

from drivesim.data.frame_array import FrameArray

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
