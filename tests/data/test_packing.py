"""Packing survives kills, full disks, damage, broken logs and company, and packs again only what changed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drivesim.data import packing
from drivesim.data.drive_log import DriveLog
from drivesim.data.packed import PackedFootage, footage_under, packed_folder
from drivesim.data.shards.shard import ShardDamagedError, shard_names
from drivesim.data.shards.shard_writer import ShardWriter
from drivesim.errors import FootageError, FootageWriteError

Tree = Callable[[Path], dict[str, str]]
WriteLog = Callable[..., Path]
SIZE = (32, 64)


@pytest.fixture(autouse=True)
def _two_logs_per_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_SHARD_BYTES", 4 * SIZE[0] * SIZE[1] * 3)


@pytest.fixture
def data(folder: Path, write_log: WriteLog) -> Path:
    """Five logs of two frames: three shards."""
    for number in range(5):
        write_log(folder / "data" / f"group_{number % 2}", f"log_{number}", brightness=30 * number)
    return folder / "data"


def packed(data: Path) -> PackedFootage:
    return footage_under(data, *SIZE)


def brightness(footage: PackedFootage) -> dict[str, int]:
    """The brightness of the first frame of each log, by name."""
    return {
        str(name): int(footage.frames[int(start)].mean().round(-1))
        for name, start in zip(footage.log_names, footage.log_start, strict=True)
    }


def test_a_kill_at_any_file_operation_leaves_whole_shards_and_the_same_bytes_in_the_end(
    data: Path, folder: Path, tree: Tree, killed_at: Callable
) -> None:
    """The second run is killed too, at a place that wanders; a run over finished footage changes nothing."""
    shutil.rmtree(data / "group_1")
    shutil.copytree(data, folder / "whole", copy_function=shutil.copy2)
    packed(folder / "whole")
    expected, shards_seen, kill_at = tree(folder / "whole"), [], 0
    while killed_at(lambda: packed(data), kill_at):
        names = shard_names(packed_folder(data, *SIZE))
        shards_seen.append(len(names))
        if names:
            assert len(PackedFootage.open(packed_folder(data, *SIZE)).shards) == len(names)
        killed_at(lambda: packed(data), kill_at * 37 % 61)
        packed(data)
        assert tree(data) == expected
        packed(data)
        assert tree(data) == expected
        shutil.rmtree(data / ".packed")
        kill_at += 1
    assert kill_at > 40
    assert set(shards_seen) == {0, 1, 2}


def test_new_logs_are_packed_alone(data: Path, tree: Tree, write_log: WriteLog) -> None:
    before = packed(data)
    files = tree(before.folder)
    write_log(data, "another", brightness=200)
    grown = before.refreshed()
    assert grown is before, "nothing is packed yet"
    after = packed(data)
    assert files.items() < tree(after.folder).items()
    assert len(after.shards) == len(before.shards) + 1
    grown = before.refreshed()
    assert grown.log_names.tolist() == [*before.log_names.tolist(), "another"]
    np.testing.assert_array_equal(grown.frames[: len(before.frames)], before.frames[:])


def test_a_log_replaced_under_its_name_is_packed_again_with_its_shard_alone(
    data: Path, tree: Tree, write_log: WriteLog
) -> None:
    before = tree(packed(data).folder)
    replaced = data / "group_0" / "log_2"
    times = os.stat(replaced / "video.mp4").st_mtime_ns
    shutil.rmtree(replaced)
    write_log(data / "group_0", "log_2", brightness=190)
    os.utime(replaced / "video.mp4", ns=(times, times))
    footage = packed(data)
    assert brightness(footage) == {"log_0": 0, "log_1": 30, "log_2": 190, "log_3": 90, "log_4": 120}
    assert len(before.items() & tree(footage.folder).items()) == len(before) * 2 // 3


def test_of_a_shard_the_logs_that_are_still_there_stay(data: Path) -> None:
    packed(data)
    shutil.rmtree(data / "group_0" / "log_2")
    assert set(brightness(packed(data))) == {"log_0", "log_1", "log_3", "log_4"}


def test_packed_footage_needs_no_logs(data: Path) -> None:
    expected = brightness(packed(data))
    for group in ("group_0", "group_1"):
        shutil.rmtree(data / group)
    assert brightness(packed(data)) == expected


@pytest.mark.parametrize("file", ["frames.npy", "labels.npz", "shard.json"])
@pytest.mark.parametrize("damage", ["bit", "truncated", "missing"])
def test_a_damaged_shard_is_packed_again_or_refused_by_name(data: Path, tree: Tree, file: str, damage: str) -> None:
    footage = packed(data)
    expected, path = tree(footage.folder), footage.shards[1].folder / file
    harm(path, damage)
    with pytest.raises(ShardDamagedError, match=f"{path.parent.name}/{file}"):
        PackedFootage.open(footage.folder)
    packed(data)
    assert tree(footage.folder) == expected
    harm(path, damage)
    for group in ("group_0", "group_1"):
        shutil.rmtree(data / group)
    with pytest.raises(ShardDamagedError, match=f"{path.parent.name}/{file}"):
        packed(data)


def harm(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if damage == "bit":
        path.write_bytes(content)
    elif damage == "truncated":
        os.truncate(path, len(content) - 7)
    else:
        path.unlink()


def test_broken_logs_are_named_and_left_out(
    data: Path, tree: Tree, write_log: WriteLog, caplog: pytest.LogCaptureFixture
) -> None:
    group = data / "group_0"
    os.truncate(group / "log_0" / "video.mp4", 900)
    (group / "log_2" / "video.mp4").unlink()
    (group / "log_4" / "labels.json").write_text("{")
    longer = write_log(data, "too_many_frames", num_frames=5)
    labels = json.loads((longer / "labels.json").read_text())
    (longer / "labels.json").write_text(json.dumps(labels | {"frames": labels["frames"][:3]}))
    shorter = write_log(data, "too_few_frames", num_frames=3)
    (shorter / "labels.json").write_text(json.dumps(labels))
    broken = {"log_0", "log_2", "log_4", "too_many_frames", "too_few_frames"}

    footage = packed(data)
    assert brightness(footage) == {"log_1": 30, "log_3": 90}
    warned = [record.getMessage() for record in caplog.records]
    assert {Path(message.split(" is left out")[0]).name for message in warned} == broken
    assert len(warned) == len(broken)

    before = tree(footage.folder)
    caplog.clear()
    assert tree(packed(data).folder) == before
    assert [record.getMessage() for record in caplog.records] == warned
    assert all(str(data) not in (shard.folder / "shard.json").read_text() for shard in footage.shards)

    shutil.rmtree(group / "log_0")
    write_log(group, "log_0", brightness=150)
    assert brightness(packed(data)) == {"log_0": 150, "log_1": 30, "log_3": 90}


def test_footage_without_a_log_that_can_be_read_is_refused(folder: Path, write_log: WriteLog) -> None:
    for number in range(2):
        (write_log(folder, f"log_{number}") / "video.mp4").write_bytes(b"nothing")
    with pytest.raises(FootageError, match="none of its 2 drive logs can be read"):
        packed(folder)
    with pytest.raises(FootageError, match="drivesim record"):
        packed(folder / "empty")
    assert not (folder / "empty").exists()


def test_a_full_disk_is_named_and_packing_continues_once_there_is_room(
    data: Path, tree: Tree, on_small_disk: Callable
) -> None:
    packed(data)
    expected = tree(data / ".packed")
    shutil.rmtree(data / ".packed")
    logs = [data / f"group_{number}" for number in range(2)]

    def fill(disk) -> None:
        told = []
        for pages in range(1, 34, 2):
            disk.resize(pages * 4096, 100)
            (disk.folder / "data").mkdir()
            for log in logs:
                (disk.folder / "data" / log.name).symlink_to(log)
            try:
                packed(disk.folder / "data")
            except FootageWriteError as error:
                told.append(str(error))
            folder = packed_folder(disk.folder / "data", *SIZE)
            assert not shard_names(folder) or PackedFootage.open(folder)
            assert not list(disk.folder.rglob("*.partial"))
            disk.resize(2**20)
            packed(disk.folder / "data")
            assert tree(disk.folder / "data" / ".packed") == expected
            shutil.rmtree(disk.folder / "data")
        assert len(told) > 8
        assert all("No space left on device; make room" in message for message in told)

    on_small_disk(fill)


def test_one_process_packs_and_the_other_waits_or_takes_over(
    data: Path, folder: Path, tree: Tree, in_child: Callable, wait_until: Callable
) -> None:
    packed(data)
    expected = tree(data)
    shutil.rmtree(data / ".packed")
    in_hand = folder / "in_hand"

    def pause(text: str, done: int, total: int) -> None:
        if text == "packing logs" and done == 3:
            in_hand.touch()
            time.sleep(600)

    child = in_child(lambda: footage_under(data, *SIZE, pause))
    wait_until(in_hand.exists, child)
    told = []

    def follow(text: str, done: int, total: int) -> None:
        if text.startswith("waiting"):
            child.kill()
        told.append(text)

    assert len(footage_under(data, *SIZE, follow).frames) == 10
    assert told[0].startswith(f"waiting for process {child.pid} on ")
    assert told.count("packing logs") == 3, "the first shard was whole"
    assert tree(data) == expected


def test_an_unknown_version_is_refused_and_the_old_format_is_not_read(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = packed_folder(data, *SIZE)
    old.mkdir(parents=True)
    np.save(old / "frames.npy", np.zeros((1, *SIZE, 3), np.uint8))
    (old / "identity").write_text("0" * 64)
    assert len(packed(data).frames) == 10
    shutil.rmtree(old)
    monkeypatch.setattr("drivesim.data.shards.shard_writer.FORMAT", 4)
    monkeypatch.setattr("drivesim.data.shards.shard._READABLE", (4,))
    packed(data)
    monkeypatch.undo()
    with pytest.raises(FootageError, match=r"reads packed footage of versions 2 and 3, the file says 4"):
        packed(data)


def test_a_log_that_fails_midway_leaves_no_frames(data: Path, folder: Path) -> None:
    (folder / "shard").mkdir()
    writer, log = ShardWriter(folder / "shard", 64, 128), DriveLog.open(data / "group_0" / "log_0")
    frames = list(log.stream())
    with writer.log("good", log.labels) as add:
        add(frames[0], log.labels.frames[0])
    with pytest.raises(ValueError, match="expected uint8"), writer.log("bad", log.labels) as add:
        add(frames[1], log.labels.frames[1]) or add(frames[1][:8], log.labels.frames[1])
    with writer.log("last", log.labels) as add:
        add(frames[1], log.labels.frames[1])
    writer.finish()
    there = np.load(folder / "shard" / "frames.npy")
    np.testing.assert_array_equal(there, np.stack(frames[:2]))


def test_a_shard_of_another_size_is_refused_by_name(data: Path) -> None:
    other = footage_under(data, 16, 32).shards[0].folder
    footage = packed(data)
    shutil.copytree(other, footage.folder / "zzz")
    for read in (lambda: PackedFootage.open(footage.folder), footage.refreshed):
        with pytest.raises(FootageError, match="zzz: frames of 16x32 do not belong here"):
            read()
