"""An archive through zarr, xarray and dask: committed windows only, and an error where a byte is not what it was."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype

import drivesim
from drivesim.archive import ArchiveLayout, ArchiveWriter, check_archive
from drivesim.archive.format.commit import head_bytes
from drivesim.archive.sealed_json import sha256
from drivesim.errors import ArchiveError, InputError

xarray = pytest.importorskip("xarray")
dask_array = pytest.importorskip("dask.array")

GOLDEN = Path(__file__).parent / "golden"
CHUNK = "rollouts/0000/frames/c.2.0.0.0"


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_zarr_sees_what_is_committed_and_no_more(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=4)
    group = zarr.open_group(drivesim.archive_store(folder / "a.zarr"))
    for future, (windows, frames) in enumerate([(3, 20), (1, 8)]):
        rollout = group[f"rollouts/{future:04d}"]
        np.testing.assert_array_equal(rollout["frames"][:], tiny.whole(future)[1][:frames])
        np.testing.assert_array_equal(rollout["latents"][:], tiny.whole(future)[0][:windows])
    assert group["rollouts/0000/frames"].attrs["fps"] == 10
    assert sorted(group["rollouts"].group_keys()) == ["0000", "0001"]


def test_leftovers_of_a_killed_commit_are_not_shown(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    chunk = folder / "a.zarr/rollouts/0000/frames/c.0.0.0.0"
    (chunk.parent / "c.2.0.0.0").write_bytes(chunk.read_bytes())
    store = drivesim.archive_store(folder / "a.zarr")
    keys = set(zarr.core.sync.collect_aiterator(store.list()))
    assert f"rollouts/0000/frames/{chunk.name}" in keys
    assert CHUNK not in keys
    assert zarr.open_group(store)["rollouts/0000/frames"].shape[0] == 8


def test_leftovers_of_a_killed_commit_do_not_get_into_a_short_last_chunk(folder, tiny):
    """Frames 18 and 19 are all that is in the last chunk of a future of 18 frames and some: the rest is zero."""
    layout = ArchiveLayout.from_dict({**tiny.layout.to_dict(), "num_frames": 18, "num_futures": 1})
    paths = folder / "clean.zarr", folder / "killed.zarr"
    for path in paths:
        with ArchiveWriter.open(path, tiny.inputs, layout, {}) as writer:
            if path == paths[1]:
                full = np.full((4, *layout.frame_shape), 255, np.uint8)
                with ArchiveWriter.open(folder / "other.zarr", {}, tiny.layout, {}) as other:
                    other.commit(0, 0, tiny.window(0, 0)[0], np.concatenate([full, full]), {})
                leftover = (folder / "other.zarr/rollouts/0000/frames/c.0.0.0.0").read_bytes()
                (path / "rollouts/0000/frames/c.4.0.0.0").write_bytes(leftover)
            for window in range(layout.num_windows):
                latents, frames, labels = tiny.window(0, window)
                writer.commit(0, window, latents, frames[: len(layout.frame_range(window))], labels)
    assert tiny.tree(paths[0]) == tiny.tree(paths[1])


@pytest.mark.parametrize("source", ["new", "format_1.zarr", "format_2.zarr", "format_3.zarr"])
def test_xarray_opens_it_without_a_warning(folder, tiny, source):
    path = folder / "a.zarr" if source == "new" else GOLDEN / source
    if source == "new":
        tiny.write(path, stop_after=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = xarray.open_zarr(drivesim.archive_store(path), group="rollouts/0001")
        tree = xarray.open_datatree(drivesim.archive_store(path), engine="zarr")
    rollout = drivesim.open_archive(path).rollouts[1]
    assert opened.latents.dims == ("window", "keyframe", "latent_c", "latent_h", "latent_w")
    np.testing.assert_array_equal(opened.latents, rollout.latents[:])
    if rollout.layout.keeps_frames:
        assert opened.frames.dims == ("t", "h", "w", "c")
        np.testing.assert_array_equal(opened.frames, rollout.frames[:])
    np.testing.assert_array_equal(tree["rollouts/0001/latents"], rollout.latents[:])


def test_xarray_opens_the_folder_itself(folder, tiny):
    """The way that misses drivesim's promises, and the one that people try first."""
    tiny.write(folder / "a.zarr")
    with pytest.warns(match="_commit is not recognized"):
        opened = xarray.open_zarr(folder / "a.zarr/rollouts/0000", consolidated=False)
    np.testing.assert_array_equal(opened.frames, tiny.whole(0)[1])
    np.testing.assert_array_equal(opened.latents, tiny.whole(0)[0])


@pytest.mark.parametrize("group", ["", "rollouts", "rollouts/0001"])
def test_plain_zarr_and_xarray_do_not_warn_about_our_own_files(folder, tiny, group):
    tiny.write(folder / "a.zarr", stop_after=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = zarr.open_group(folder / "a.zarr", path=group, mode="r")
        assert "frames (20, 16, 32, 3) uint8" in str(opened.tree())
        prefix = f"{group}/" if group else ""
        names = {f"{prefix}{name}" for name, _ in opened.members(max_depth=None)}
        assert {"rollouts/0001/frames", "rollouts/0001/latents"} <= names
        assert xarray.open_zarr(folder / "a.zarr/rollouts/0001").sizes["t"] == 20


def test_dask_reads_chunk_by_chunk(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=2)
    store = drivesim.archive_store(folder / "a.zarr")
    frames = dask_array.from_zarr(store, component="rollouts/0000/frames")
    assert frames.chunks[0] == (4, 4, 4, 4)
    expected = tiny.whole(0)[1][:16]
    assert frames.mean().compute() == expected.mean()
    np.testing.assert_array_equal(frames[5:15, :, ::2].compute(), expected[5:15, :, ::2])


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink, lambda file: file.write_bytes(b"")])
def test_damage_is_an_error_and_never_black_frames(folder, tiny, damage):
    tiny.write(folder / "a.zarr")
    store = drivesim.archive_store(folder / "a.zarr")
    damage(folder / "a.zarr" / CHUNK)
    frames = zarr.open_group(store)["rollouts/0000/frames"]
    np.testing.assert_array_equal(frames[:8], tiny.whole(0)[1][:8])
    dataset = xarray.open_zarr(store, group="rollouts/0000")
    lazy = dask_array.from_zarr(store, component="rollouts/0000/frames")
    for read in (lambda: frames[8:12], lambda: frames[:], dataset.frames.load, lambda: lazy[9].compute()):
        with pytest.raises(ArchiveError, match=r"rollouts/0000/frames window 1: rollouts/0000/frames/c\.2\.0\.0\.0"):
            read()


def test_a_chunk_that_claims_all_memory_is_refused_before_it_is_decompressed(folder, tiny):
    """Record and head are sealed as if this chunk, a terabyte of zstd in 21 bytes, had been committed."""
    tiny.write(folder / "a.zarr", stop_after=1)
    rollout, file = folder / "a.zarr/rollouts/0000", "frames/c.0.0.0.0"
    bomb = bytes.fromhex("28b52ffd") + bytes([0b1110_0000]) + (2**40).to_bytes(8, "little") + bytes(8)
    (rollout / file).write_bytes(bomb)
    record = drivesim.open_archive(folder / "a.zarr").rollouts[0].chain.trusted[0]
    record = replace(record, chunks={**record.chunks, file: (len(bomb), sha256(bomb))}).to_bytes()
    (rollout / "_commit/000000.json").write_bytes(record)
    (rollout / "_commit/head.json").write_bytes(head_bytes(0, 1, sha256(record)))
    frames = zarr.open_group(drivesim.archive_store(folder / "a.zarr"))["rollouts/0000/frames"]
    with pytest.raises(ArchiveError, match="not 6144 bytes in zstd"):
        frames[0]
    assert [finding.file for finding in check_archive(folder / "a.zarr", True)] == [f"rollouts/0000/{file}"]


def test_nothing_is_written_through_it(folder, tiny):
    tiny.write(folder / "a.zarr")
    before = tiny.tree(folder)
    store = drivesim.archive_store(folder / "a.zarr")
    group = zarr.open_group(store)
    for write in (
        lambda: group["rollouts/0000/frames"].__setitem__(0, 0),
        lambda: group.attrs.update(note="mine"),
        lambda: group.create_array("mine", shape=(1,), dtype="uint8"),
        lambda: zarr.open_group(store, mode="w"),
        lambda: group.__delitem__("rollouts"),
    ):
        with pytest.raises(InputError, match="written by rollouts only"):
            write()
    assert tiny.tree(folder) == before


def test_ranges_of_bytes_are_those_of_the_file(folder, tiny):
    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest

    tiny.write(folder / "a.zarr")
    store, content = drivesim.archive_store(folder / "a.zarr"), (folder / "a.zarr" / CHUNK).read_bytes()
    prototype = default_buffer_prototype()
    ranges = [None, RangeByteRequest(3, 9), OffsetByteRequest(7), SuffixByteRequest(5)]
    got = asyncio.run(store.get_partial_values(prototype, [(CHUNK, byte_range) for byte_range in ranges]))
    assert [buffer.to_bytes() for buffer in got] == [content, content[3:9], content[7:], content[-5:]]
    assert asyncio.run(store.get("rollouts/0000/frames/c.9.0.0.0", prototype)) is None


def test_a_store_is_equal_to_its_copy_in_another_process(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=2)
    store = drivesim.archive_store(folder / "a.zarr")
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store == store.with_read_only(True)
    np.testing.assert_array_equal(zarr.open_group(copy)["rollouts/0000/frames"][:], tiny.whole(0)[1][:16])
    tiny.write(folder / "a.zarr")
    assert drivesim.archive_store(folder / "a.zarr") != store
