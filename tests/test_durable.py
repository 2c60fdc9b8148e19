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


@pytest.mark.parametrize("reason", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_refuses_to_sync_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "fsync", refuse)
    for write in (
        lambda: durable.write_file(tmp_path / "file", b"new"),
        lambda: durable.sync_folder(tmp_path),
    ):
        with pytest.raises(durable.SyncError, match="cannot be synced to disk") as failure:
            write()
        assert "local disk" in str(durable.advice(failure.value))
    assert list(tmp_path.iterdir()) == []


def test_advice_is_for_full_disks_and_failing_ones_only() -> None:
    for code, words in ((errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EIO, "check the disk")):
        assert words in str(durable.advice(OSError(code, "reason")))
    assert durable.advice(PermissionError(errno.EACCES, "Permission denied")) is None
