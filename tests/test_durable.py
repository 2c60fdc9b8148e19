from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drivesim import durable


def test_a_file_is_written_from_its_parts_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write_file(path, b"old")
    durable.write_file(path, b"new", memoryview(b" content"), suffix=".partial")
    durable.sync_folder(tmp_path)
    assert path.read_bytes() == b"new content"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_holds_the_content_already_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write_changed_file(path, b"content")
    before = path.stat()
    durable.write_changed_file(path, b"content")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    durable.write_changed_file(path, b"other")
    assert path.read_bytes() == b"other"


def test_a_failed_write_leaves_the_old_content_and_names_the_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    durable.write_file(path, b"old")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="file") as failure:
        durable.write_file(path, b"new")
    assert failure.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_content(on_small_disk: Callable) -> None:
    def fill(disk) -> None:
        path = disk.folder / "file"
        durable.write_file(path, b"old")
        disk.resize(3 * 4096)
        with pytest.raises(OSError, match="No space left"):
            durable.write_file(path, b"x" * 100_000)
        assert path.read_bytes() == b"old"

    on_small_disk(fill)
