"""Committed arrays are indexed as numpy indexes arrays."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.archive import open_archive
from drivesim.errors import ArchiveError, InputError


@pytest.mark.parametrize(
    "key",
    [
        ...,
        (..., 0),
        (3, ..., 0),
        (slice(2, 9), slice(None), slice(1, 4)),
        (slice(2, 9), ..., [2, 0]),
        ([5, -1, 5],),
        ([5, -1, 5], ..., 1),
        ([0, 7], [3, 4]),
        np.arange(20) % 3 == 0,
        [],
        (np.int64(4), 2, 3, 1),
        (slice(None), 0, 0, 0),
        ((0, 2),),
        range(3, 7),
        np.array(4),
        (),
    ],
    ids=repr,
)
def test_an_index_selects_what_numpy_selects(folder, tiny, key):
    tiny.write(folder / "a.zarr")
    frames, expected = open_archive(folder / "a.zarr").rollouts[0].frames, tiny.whole(0)[1]
    wanted = expected[np.asarray(key, int) if isinstance(key, list) else key]
    np.testing.assert_array_equal(frames[key], wanted)
    assert frames[key].shape == wanted.shape


@pytest.mark.parametrize(
    "key",
    [1.5, "t", None, True, (None, 0), (0, 99), ([0.5],), ([[0]],), np.ones(3, bool), (0, 0, 0, 0, 0), (..., ...)],
    ids=repr,
)
def test_what_is_no_index_is_named(folder, tiny, key):
    tiny.write(folder / "a.zarr", stop_after=2)
    frames = open_archive(folder / "a.zarr").rollouts[0].frames
    with pytest.raises(InputError, match=r"frames of future 0: .* is no index of an array of shape \(16, 16, 32, 3\)"):
        frames[key]


def test_a_list_beyond_what_is_committed_is_refused(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=2)
    archive = open_archive(folder / "a.zarr")
    with pytest.raises(ArchiveError, match="16 was asked for, 16 are committed"):
        archive.rollouts[0].frames[[0, 16]]
    assert repr(archive.rollouts[0].frames).endswith("frames of future 0: uint8 (16, 16, 32, 3)>")
    assert repr(archive).endswith("a.zarr: 2 futures, 2 of 6 windows>")
    assert repr(archive.rollouts) == (
        f"(<Rollout 0 of {archive.path}: 16 of 20 frames>, <Rollout 1 of {archive.path}: 0 of 20 frames>)"
    )
