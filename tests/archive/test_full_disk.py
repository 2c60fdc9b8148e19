"""Disks that really fill up: file systems of every size below what an archive needs, in pages and in files."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from drivesim.archive import check_archive, open_archive
from drivesim.errors import ArchiveWriteError, DrivesimError

ROOM = 16 * 2**20
PAGE = 4096


def disks(pages: int, files: int, soak_round: int) -> Iterator[tuple[int, int]]:
    """Sizes in bytes and numbers of files that are too small, a sixth of all a round, and some that are not."""
    yield from ((size * PAGE, files + 10) for size in range(1 + soak_round % 6, pages, 6))
    yield from ((ROOM, count) for count in range(2 + soak_round % 6, files, 6))


def test_an_archive_on_a_full_disk_continues_once_there_is_room(
    folder: Path, tiny, on_small_disk, tally: Counter[str], soak_round: int
) -> None:
    tiny.write(folder / "whole" / "a.zarr")
    expected = tiny.tree(folder / "whole")
    num_files = len(list((folder / "whole").rglob("*"))) + 1
    sizes = list(disks(num_files + 8, num_files + 2, soak_round))

    def fill(disk) -> None:
        full = 0
        for size, files in sizes:
            disk.resize(size, files)
            path = disk.folder / "out" / "a.zarr"
            error = error_of(tiny.write, path)
            if error is not None:
                assert isinstance(error, ArchiveWriteError) or not path.exists(), error
                assert "No space left" in str(error), error
                full += 1
            assert_only_whole_windows_show(tiny, path)
            disk.resize(ROOM)
            assert not list(disk.folder.rglob("*.tmp"))
            tiny.write(path)
            assert tiny.tree(disk.folder / "out") == expected
            shutil.rmtree(disk.folder / "out")
        assert full > len(sizes) * 3 // 4, f"{full} of {len(sizes)} disks were full"

    on_small_disk(fill)
    tally["full disks"] += len(sizes)


def error_of(function: Callable[[Path], None], path: Path) -> DrivesimError | None:
    try:
        function(path)
    except DrivesimError as error:
        return error
    return None


def assert_only_whole_windows_show(rollouts, path: Path) -> None:
    if not path.exists():
        return
    assert check_archive(path, read_data=True) == []
    for rollout in open_archive(path).rollouts:
        latents, frames = rollouts.whole(rollout.future)
        np.testing.assert_array_equal(rollout.latents[:], latents[: rollout.num_committed_windows])
        np.testing.assert_array_equal(rollout.frames[:], frames[: rollout.num_committed_frames])
