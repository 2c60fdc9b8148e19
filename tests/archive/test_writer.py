from __future__ import annotations

import os

import fsspec
import numpy as np
import pytest
import zarr

from drivesim.archive import ArchiveLayout, ArchiveWriter, check_archive, open_archive
from drivesim.errors import ArchiveError, ArchiveLockedError, InputError


def test_what_is_written_is_read_back(folder, tiny):
    tiny.write(folder / "a.zarr")
    archive = open_archive(folder / "a.zarr")
    assert archive.complete
    assert archive.layout == tiny.layout
    assert archive.provenance == {"made_by": "test"}
    for rollout in archive.rollouts:
        latents, frames = tiny.whole(rollout.future)
        np.testing.assert_array_equal(rollout.frames[:], frames)
        np.testing.assert_array_equal(rollout.latents[:], latents)
        assert [labels["window"] for labels in rollout.labels] == [0, 1, 2]
    assert check_archive(folder / "a.zarr", read_data=True) == []


def test_any_zarr_library_reads_it(folder, tiny):
    tiny.write(folder / "a.zarr")
    group = zarr.open_group(folder / "a.zarr", mode="r")
    for future in range(2):
        latents, frames = tiny.whole(future)
        np.testing.assert_array_equal(group[f"rollouts/{future:04d}/frames"][:], frames)
        np.testing.assert_array_equal(group[f"rollouts/{future:04d}/latents"][:], latents)
    assert group["rollouts/0000/frames"].attrs["fps"] == 10


def test_a_copy_in_object_storage_is_read_by_its_url(folder, tiny):
    tiny.write(folder / "a.zarr")
    storage = fsspec.filesystem("memory")
    storage.put(str(folder / "a.zarr"), "/bucket/a.zarr", recursive=True)
    group = zarr.open_group("memory://bucket/a.zarr", mode="r")
    np.testing.assert_array_equal(group["rollouts/0001/frames"][:], tiny.whole(1)[1])
    storage.get("/bucket/a.zarr", str(folder / "back.zarr"), recursive=True)
    assert check_archive(folder / "back.zarr", read_data=True) == []
    storage.rm("/bucket", recursive=True)


def test_all_black_frames_are_stored_too(folder, tiny):
    latents, frames, _ = tiny.window(0, 0)
    with tiny.open(folder / "a.zarr") as writer:
        writer.commit(0, 0, np.zeros_like(latents), np.zeros_like(frames), {})
    assert not open_archive(folder / "a.zarr").rollouts[0].frames[:].any()
    assert (folder / "a.zarr/rollouts/0000/frames/c.0.0.0.0").is_file()


@pytest.mark.parametrize("stop_after", range(1, 6))
def test_a_resumed_archive_is_byte_identical(folder, tiny, stop_after):
    tiny.write(folder / "whole.zarr")
    tiny.write(folder / "resumed.zarr", stop_after)
    tiny.write(folder / "resumed.zarr")
    assert tiny.tree(folder / "resumed.zarr") == tiny.tree(folder / "whole.zarr")
    assert sorted(path.name for path in folder.iterdir()) == ["resumed.zarr", "whole.zarr"]


def test_windows_come_in_turn_and_in_shape(folder, tiny):
    latents, frames, labels = tiny.window(0, 0)
    with tiny.open(folder / "a.zarr") as writer:
        with pytest.raises(InputError, match=r"window 1 of future 0 is out of turn.*window 0"):
            writer.commit(0, 1, latents, frames, labels)
        with pytest.raises(InputError, match="future 2 of 2"):
            writer.commit(2, 0, latents, frames, labels)
        with pytest.raises(InputError, match=r"frames .*\(8, 16, 32, 3\), not uint8 \(7, 16, 32, 3\)"):
            writer.commit(0, 0, latents, frames[:7], labels)
        with pytest.raises(InputError, match=r"latents .*float32.* not float64"):
            writer.commit(0, 0, latents.astype(np.float64), frames, labels)
        with pytest.raises(InputError, match="not committed"):
            writer.latents(0, 0)
        writer.commit(0, 0, latents, frames, labels)
        with pytest.raises(InputError, match="out of turn"):
            writer.commit(0, 0, latents, frames, labels)


def test_another_run_is_refused_and_shown(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    before = tiny.tree(folder)
    with pytest.raises(InputError, match=r"checkpoints\.image: archive abab.*, this run abac"):
        tiny.open(folder / "a.zarr", checkpoints={"image": "abac" * 16})
    with pytest.raises(InputError, match=r"scenario\.seed: archive 7, this run 8"):
        tiny.open(folder / "a.zarr", scenario={"name": "tiny", "seed": 8})
    longer = ArchiveLayout.from_dict({**tiny.layout.to_dict(), "num_frames": 24})
    with pytest.raises(InputError, match=r"layout\.num_frames: archive 20, this run 24"):
        ArchiveWriter.open(folder / "a.zarr", tiny.inputs, longer, {})
    assert tiny.tree(folder) == before


def test_provenance_stays_as_first_written(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    with ArchiveWriter.open(folder / "a.zarr", tiny.inputs, tiny.layout, {"made_by": "another"}):
        pass
    assert open_archive(folder / "a.zarr").provenance == {"made_by": "test"}


def test_damage_is_not_continued(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=2)
    chunk = folder / "a.zarr/rollouts/0000/frames/c.3.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\0")
    with pytest.raises(ArchiveError, match=r"rollouts/0000/frames window 1: rollouts/0000/frames/c\.3\.0\.0\.0"):
        tiny.open(folder / "a.zarr")
    assert not (folder / "a.zarr.lock").exists()


def test_a_second_writer_is_refused_and_told_who_writes(folder, tiny):
    with tiny.open(folder / "a.zarr"), pytest.raises(ArchiveLockedError, match=f"process {os.getpid()} on"):
        tiny.open(folder / "a.zarr")
    with tiny.open(folder / "a.zarr"):
        pass


def test_a_second_writer_is_refused_where_the_lock_file_was_removed(folder, tiny):
    with tiny.open(folder / "a.zarr"):
        (folder / "a.zarr.lock").unlink()
        with pytest.raises(ArchiveLockedError, match=r"whose lock file a\.zarr\.lock was removed"):
            tiny.open(folder / "a.zarr")
    with tiny.open(folder / "a.zarr"):
        pass


@pytest.mark.parametrize("owner", ["process 1 on here", "process {own} on elsewhere", "", "\xff" * 9_999])
def test_a_lock_file_that_nobody_holds_is_taken_over_whatever_it_says(folder, tiny, owner):
    """A number of a process may be in use again, by another process or on another machine."""
    (folder / "a.zarr.lock").write_text(owner.format(own=os.getpid()))
    tiny.write(folder / "a.zarr")
    assert open_archive(folder / "a.zarr").complete
    assert not (folder / "a.zarr.lock").exists()


def test_a_lock_file_that_is_a_link_or_no_file_is_left_alone(folder, tiny):
    lock, victim = folder / "a.zarr.lock", folder / "victim"
    victim.write_text("precious")
    lock.symlink_to(victim)
    with pytest.raises(InputError, match="cannot be written here"):
        tiny.open(folder / "a.zarr")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(InputError, match="cannot be written here"):
        tiny.open(folder / "a.zarr")
    assert victim.read_text() == "precious"
    assert not (folder / "a.zarr").exists()


def test_a_place_that_cannot_be_written_is_named(folder, tiny):
    (folder / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*choose another --out"):
        tiny.open(folder / "file" / "a.zarr")
    with pytest.raises(InputError, match="is no archive folder"):
        tiny.open(folder / "file")
    (folder / "photos").mkdir()
    (folder / "photos" / "cat.png").write_bytes(b"")
    with pytest.raises(ArchiveError, match="or no archive"):
        tiny.open(folder / "photos")
    assert [path.name for path in (folder / "photos").iterdir()] == ["cat.png"]


def test_inputs_must_be_json(folder, tiny):
    with pytest.raises(InputError, match="JSON"):
        tiny.open(folder / "a.zarr", seed=float("nan"))
    latents, frames, _ = tiny.window(0, 0)
    with tiny.open(folder / "b.zarr") as writer, pytest.raises(InputError, match="JSON"):
        writer.commit(0, 0, latents, frames, {"bad": object()})
    assert open_archive(folder / "b.zarr").rollouts[0].num_committed_windows == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "folder"])
def test_what_has_the_name_of_a_temporary_file_is_left_alone(folder, tiniest, kind):
    precious = folder / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")

    def occupy(name):
        match kind:
            case "symbolic link":
                name.symlink_to(precious)
            case "hard link":
                os.link(precious / "file", name)
            case "pipe":
                os.mkfifo(name)
            case "folder":
                name.mkdir()

    occupy(folder / ".a.zarr.creating")
    with tiniest.open(folder / "a.zarr"):
        pass
    chunk = folder / "a.zarr/rollouts/0000/latents/c.0.0.0.0.0.tmp"
    if kind != "folder":
        chunk.parent.mkdir(parents=True, exist_ok=True)
        occupy(chunk)
    tiniest.write(folder / "a.zarr")
    assert not check_archive(folder / "a.zarr", read_data=True)
    assert (precious / "file").read_text() == "precious"
