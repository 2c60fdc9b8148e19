"""Archives that earlier versions wrote open, and are continued, for ever.

`golden/format_N.zarr` is added when format N first ships and never written again. Future 0 is complete, future 1 has
the first of its two windows. Frames, which format 2 does not keep, count up: pixel (t, h, w, c) is
(t + h + w + 80 c) modulo 256; a latent is its flat index in the window plus the window's number.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import ArchiveLayout, ArchiveWriter, check_archive, open_archive
from drivesim.errors import InputError

GOLDEN = sorted((Path(__file__).parent / "golden").glob("format_*.zarr"))
INPUTS = {"scenario": {"format": 1, "name": "golden"}, "checkpoints": {"image": "00" * 32}, "seed": 7}
LAYOUT = ArchiveLayout(
    num_futures=2,
    num_frames=6,
    frames_per_window=4,
    keyframes_per_window=2,
    frame_shape=(8, 16, 3),
    latent_shape=(2, 1, 2),
    fps=10,
    keyframe_fps=2.5,
)


def content(window: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """Latents, frames and labels."""
    t, h, w, c = np.meshgrid(LAYOUT.frame_range(window), np.arange(8), np.arange(16), np.arange(3), indexing="ij")
    latents = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2) + window
    return latents, (t + h + w + 80 * c).astype(np.uint8), {"window": window}


def write(path: Path) -> None:
    """What made the newest golden archive."""
    with ArchiveWriter.open(path, INPUTS, layout_of(3), {"versions": {"drivesim": "0.1.0"}}) as writer:
        for future, window in ((0, 0), (0, 1), (1, 0)):
            commit(writer, future, window)


def layout_of(number: int) -> ArchiveLayout:
    """The layout of a format's golden archive."""
    return dataclasses.replace(LAYOUT, frames="none" if number == 2 else "lossless")


def commit(writer: ArchiveWriter, future: int, window: int) -> None:
    latents, frames, labels = content(window)
    writer.commit(future, window, latents, frames if writer.layout.keeps_frames else None, labels)


def test_there_is_a_golden_archive_of_every_format():
    assert [path.name for path in GOLDEN] == ["format_1.zarr", "format_2.zarr", "format_3.zarr"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_it_opens_whole_and_sound(path):
    assert check_archive(path, read_data=True) == []
    archive = open_archive(path)
    assert f"format_{archive.manifest.format}" == path.stem
    assert archive.layout == layout_of(archive.manifest.format)
    assert archive.manifest.inputs == INPUTS
    assert archive.provenance == {"versions": {"drivesim": "0.1.0"}}
    assert [rollout.num_committed_frames for rollout in archive.rollouts] == [6, 4]
    for rollout in archive.rollouts:
        for window in range(rollout.num_committed_windows):
            latents, frames, labels = content(window)
            frame_range = LAYOUT.frame_range(window)
            if archive.layout.keeps_frames:
                np.testing.assert_array_equal(rollout.frames[frame_range.start : frame_range.stop], frames)
            np.testing.assert_array_equal(rollout.latents[window], latents)
            assert rollout.labels[window] == labels


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_it_is_continued(path, tmp_path):
    shutil.copytree(path, tmp_path / "a.zarr")
    layout, number = open_archive(path).layout, open_archive(path).manifest.format
    with ArchiveWriter.open(tmp_path / "a.zarr", INPUTS, layout, {}) as writer:
        assert [writer.committed_windows(future) for future in range(2)] == [2, 1]
        commit(writer, 1, 1)
    assert check_archive(tmp_path / "a.zarr", read_data=True) == []
    continued = open_archive(tmp_path / "a.zarr")
    assert continued.complete
    assert continued.manifest.format == number


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_chunks_are_still_written_with_the_same_bytes(path, tmp_path):
    layout = open_archive(path).layout
    with ArchiveWriter.open(tmp_path / "a.zarr", INPUTS, layout, {}) as writer:
        for future, window in ((0, 0), (0, 1), (1, 0)):
            commit(writer, future, window)
    chunks = [file.relative_to(path) for file in path.rglob("c.*")]
    assert chunks
    for file in chunks:
        assert (tmp_path / "a.zarr" / file).read_bytes() == (path / file).read_bytes()


def test_another_run_does_not_continue_an_earlier_format(tmp_path):
    shutil.copytree(GOLDEN[0], tmp_path / "a.zarr")
    with pytest.raises(InputError, match="seed: archive 7, this run 8"):
        ArchiveWriter.open(tmp_path / "a.zarr", {**INPUTS, "seed": 8}, layout_of(1), {})
