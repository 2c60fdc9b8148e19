"""Kills and write errors at every file operation of a rollout."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import check_archive, open_archive
from drivesim.errors import ArchiveError, ArchiveWriteError

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "os.truncate"}


class Kill:
    """Counts file operations in this process and kills it, as kill -9 does, at the chosen one."""

    def __init__(self, kill_at: int) -> None:
        self.remaining = kill_at
        self.write, self.fsync = os.write, os.fsync
        os.write, os.fsync = self.half_write, self.unsynced
        sys.addaudithook(self.event)

    def count(self) -> bool:
        self.remaining -= 1
        return self.remaining < 0

    def event(self, name: str, _: tuple) -> None:
        if name in EVENTS and self.count():
            os.kill(os.getpid(), signal.SIGKILL)

    def half_write(self, descriptor: int, content: memoryview) -> int:
        if self.count():
            self.write(descriptor, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return self.write(descriptor, content)

    def unsynced(self, descriptor: int) -> None:
        if self.count():
            os.kill(os.getpid(), signal.SIGKILL)
        self.fsync(descriptor)


@pytest.fixture
def write_and_be_killed(in_child):
    """Writes archives in a child that dies at file operation `kill_at`; False where it ended before."""

    def write(rollouts, path: Path, kill_at: int) -> bool:
        def work() -> None:
            Kill(kill_at)
            rollouts.write(path)

        return was_killed(in_child(work))

    return write


def was_killed(child) -> bool:
    code = child.wait()
    assert code in (0, -signal.SIGKILL)
    return code != 0


def assert_only_whole_windows_show(rollouts, path: Path) -> int:
    """What a reader sees is a prefix of what was committed, and nothing counts as damage; returns its windows."""
    if not path.exists():
        return 0
    assert check_archive(path, read_data=True) == []
    windows = 0
    for rollout in open_archive(path).rollouts:
        latents, frames = rollouts.whole(rollout.future)
        np.testing.assert_array_equal(rollout.latents[:], latents[: rollout.num_committed_windows])
        np.testing.assert_array_equal(rollout.frames[:], frames[: rollout.num_committed_frames])
        windows += rollout.num_committed_windows
    return windows


def test_a_kill_at_any_file_operation_loses_nothing_and_the_resume_is_byte_identical(
    folder, tiniest, tally, soak_round, write_and_be_killed
):
    """The resume is killed too, at a place that wanders; then the same command finishes."""
    tiniest.write(folder / "whole" / "a.zarr")
    expected = tiniest.tree(folder / "whole")
    windows_seen = []
    for kill_at in itertools.count():
        path = folder / str(kill_at) / "a.zarr"
        if not write_and_be_killed(tiniest, path, kill_at):
            break
        windows_seen.append(assert_only_whole_windows_show(tiniest, path))
        tally["kills at file operations"] += 1
        tally["kills of a resume"] += write_and_be_killed(tiniest, path, (kill_at + 29 * soak_round) * 37 % 101)
        assert assert_only_whole_windows_show(tiniest, path) >= windows_seen[-1]
        tiniest.write(path)
        assert tiniest.tree(path.parent) == expected
        shutil.rmtree(path.parent)
    assert windows_seen == sorted(windows_seen)
    assert set(windows_seen) == {0, 1, 2}


def test_a_kill_at_a_random_time_loses_nothing(folder, tiny, tally, soak_round, in_child):
    """Kills go on until a run comes through, each at a time of its own; ten archives per round.

    A busy machine may need longer for a window than was measured, so a run that got nowhere makes the next ones longer.
    """
    started = time.monotonic()
    tiny.write(folder / "whole" / "a.zarr")
    whole_s = time.monotonic() - started
    rng = random.Random(soak_round)
    for number in range(10):
        path, windows, killed, limit_s = folder / str(number) / "a.zarr", 0, True, whole_s
        while killed:
            killed = write_and_be_killed_after(in_child, tiny, path, rng.uniform(0, limit_s))
            tally["kills at random times"] += killed
            seen = assert_only_whole_windows_show(tiny, path)
            assert seen >= windows
            limit_s *= 1.5 if seen == windows else 1
            windows = seen
        assert tiny.tree(path.parent) == tiny.tree(folder / "whole")


def write_and_be_killed_after(in_child, rollouts, path: Path, seconds: float) -> bool:
    """Writes an archive in a child that is killed after some seconds; False where it ended before."""
    child = in_child(lambda: rollouts.write(path))
    time.sleep(seconds)
    if not child.has_ended:
        os.kill(child.pid, signal.SIGKILL)
    return was_killed(child)


def test_a_write_error_at_any_place_is_reported_and_the_same_command_continues(
    folder, tiniest, monkeypatch, tally, soak_round, write_and_be_killed
):
    tiniest.write(folder / "whole" / "a.zarr")
    expected = tiniest.tree(folder / "whole")
    errors = []
    for fail_at in itertools.count():
        path = folder / str(fail_at) / "a.zarr"
        failing = FullDisk(fail_at)
        monkeypatch.setattr(os, "write", failing.wrap(os.write))
        monkeypatch.setattr(os, "fsync", failing.wrap(os.fsync))
        try:
            tiniest.write(path)
        except ArchiveWriteError as error:
            errors.append(error)
        monkeypatch.undo()
        assert_only_whole_windows_show(tiniest, path)
        assert not list(path.parent.rglob("*.tmp"))
        tally["write errors"] += 1
        if soak_round:
            write_and_be_killed(tiniest, path, (fail_at + 29 * soak_round) * 37 % 101)
        tiniest.write(path)
        assert tiniest.tree(path.parent) == expected
        shutil.rmtree(path.parent)
        if len(errors) == fail_at:
            break
    assert len(errors) > 30
    for error in errors:
        assert error.exit_code == 1
        assert "No space left" in str(error)
        assert "run the same command again" in str(error)


class FullDisk:
    """Writes and syncs succeed `fail_at` times; the next one finds the disk full."""

    def __init__(self, fail_at: int) -> None:
        self.remaining = fail_at

    def wrap(self, function):
        def call(*args):
            self.remaining -= 1
            if self.remaining == -1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*args)

        return call


def test_a_writer_that_failed_accepts_no_more(folder, tiny, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with tiny.open(folder / "a.zarr") as writer:
        monkeypatch.setattr(os, "rename", fail)
        with pytest.raises(ArchiveWriteError, match="Input/output error"):
            writer.commit(0, 0, *tiny.window(0, 0))
        monkeypatch.undo()
        with pytest.raises(ArchiveError, match="open the archive again"):
            writer.commit(0, 0, *tiny.window(0, 0))
    tiny.write(folder / "a.zarr")
    assert_only_whole_windows_show(tiny, folder / "a.zarr")


def test_everything_is_synced_before_the_record_appears(folder, tiny, monkeypatch):
    """At the rename of a record its own bytes, every chunk file and both chunk folders are on disk already."""
    synced: set[tuple[int, int]] = set()
    renamed = []
    real_fsync, real_rename, real_write = os.fsync, os.rename, os.write

    def key(status: os.stat_result) -> tuple[int, int]:
        return status.st_dev, status.st_ino

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        synced.add(key(os.fstat(descriptor)))

    def write(descriptor: int, content: memoryview) -> int:
        synced.discard(key(os.fstat(descriptor)))
        return real_write(descriptor, content)

    def rename(source: Path, target: Path) -> None:
        assert key(os.stat(source)) in synced
        if target.name[0].isdigit():
            future = target.parent.parent
            for entry in [*json.loads(source.read_bytes())["chunks"], "frames", "latents"]:
                assert key(os.stat(future / entry)) in synced, entry
            renamed.append(target)
        real_rename(source, target)
        synced.discard(key(os.stat(target.parent)))

    for name, function in {"fsync": fsync, "write": write, "rename": rename}.items():
        monkeypatch.setattr(os, name, function)
    tiny.write(folder / "a.zarr")
    assert len(renamed) == 6


def test_a_lock_left_by_a_killed_writer_is_taken_over(folder, tiny, caplog, write_and_be_killed):
    path = folder / "a.zarr"
    assert write_and_be_killed(tiny, path, 300)
    left_behind = (folder / "a.zarr.lock").read_text().split()
    with tiny.open(path):
        assert f"taking over the lock that process {left_behind[1]} on" in caplog.text
    assert not (folder / "a.zarr.lock").exists()


def test_of_many_writers_one_writes_and_the_others_are_refused(folder, tiny, in_child):
    """Eight processes at once: nobody is let in beside another, and the archive is the one of a single writer."""
    tiny.write(folder / "whole.zarr")

    def write() -> None:
        try:
            tiny.write(folder / "a.zarr")
        except ArchiveError as error:
            os._exit(error.exit_code if f"{folder / 'a.zarr'} is being written by process" in str(error) else 1)

    codes = {child.wait() for child in [in_child(write) for _ in range(8)]}
    assert 0 in codes
    assert codes <= {0, 3}
    assert tiny.tree(folder / "a.zarr") == tiny.tree(folder / "whole.zarr")
