"""Locks name their owner, are taken over from the dead, and leave other people's files alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drivesim.errors import LockHeldError
from drivesim.locks import OwnedLock


@pytest.fixture
def child_that_holds(in_child: Callable, wait_until: Callable) -> Callable:
    """Starts a process that takes a lock and waits; returns it once it holds the lock."""

    def start(path: Path):
        held = path.with_name("held")

        def hold() -> None:
            lock = OwnedLock.acquire(path)
            held.touch()
            time.sleep(600)
            lock.release()

        child = in_child(hold)
        wait_until(held.exists, child)
        return child

    return start


def test_a_second_process_is_told_who_holds_it_and_takes_over_once_it_is_dead(folder, caplog, child_that_holds):
    path = folder / "a.lock"
    child = child_that_holds(path)
    for _ in range(2):
        with pytest.raises(LockHeldError, match=rf"a\.lock is being written by process {child.pid} on ") as caught:
            OwnedLock.acquire(path)
        assert caught.value.owner.startswith(f"process {child.pid} on ")
    child.kill()
    with OwnedLock.acquire(path, folder / "target"):
        assert f"target: taking over the lock that process {child.pid} on" in caplog.text
        assert path.read_text().startswith(f"process {os.getpid()} on ")
    assert not path.exists()


def test_waiting_names_the_holder_and_ends_with_it(folder, child_that_holds):
    path = folder / "a.lock"
    child = child_that_holds(path)
    owners = []

    def on_wait(owner: str) -> None:
        owners.append(owner)
        if len(owners) == 2:
            child.kill()

    with OwnedLock.wait_for(path, on_wait):
        pass
    assert len(owners) == 2
    assert owners[0].startswith(f"process {child.pid} on ")


def test_a_child_that_is_forked_keeps_no_lock(folder, in_child):
    """A worker that outlives the process that holds the lock must not block the next one."""
    path = folder / "a.lock"
    lock = OwnedLock.acquire(path)
    in_child(lambda: time.sleep(600))
    lock.release()
    with OwnedLock.acquire(path):
        pass


def test_a_lock_file_that_somebody_replaced_is_not_removed(folder):
    path = folder / "a.lock"
    with OwnedLock.acquire(path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_file_with_a_second_name_is_left_alone(folder):
    (folder / "precious").write_text("precious")
    os.link(folder / "precious", folder / "a.lock")
    with pytest.raises(OSError, match="no file of its own"):
        OwnedLock.acquire(folder / "a.lock")
    assert (folder / "precious").read_text() == "precious"


def test_a_link_and_a_pipe_are_left_alone(folder):
    (folder / "precious").write_text("precious")
    (folder / "link.lock").symlink_to(folder / "precious")
    os.mkfifo(folder / "pipe.lock")
    for name in ("link.lock", "pipe.lock"):
        with pytest.raises(OSError):  # noqa: PT011
            OwnedLock.acquire(folder / name)
    assert (folder / "precious").read_text() == "precious"
    assert (folder / "pipe.lock").is_fifo()


def test_the_text_of_a_lock_file_steers_no_terminal(folder, caplog):
    (folder / "a.lock").write_bytes(b"process 1 \x1b[31m\n\xff")
    with OwnedLock.acquire(folder / "a.lock"):
        assert "\x1b" not in caplog.text
        assert r"process 1 \x1b[31m" in caplog.text
