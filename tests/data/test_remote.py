"""Footage at a URL is the footage of a folder: copied once, as a whole, and anew where it has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog, content_digest, list_drive_logs
from drivesim.data.packed import footage_under, packed_folder
from drivesim.data.remote import cached_folder, footage_folder
from drivesim.data.shards.shard import shard_names
from drivesim.errors import FootageError, InputError, MissingExtraError

URL = "memory://bucket/logs"


@pytest.fixture
def storage(tmp_path: Path, write_log: Callable[..., Path]):
    """An object storage with two drive logs, one of them in a folder, and other files beside them."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    for name in ("a", "deep/b"):
        write_log(tmp_path / "source", name, num_frames=4, brightness=len(name))
    (tmp_path / "source" / "summary.json").write_text("{}")
    (tmp_path / "source" / ".hidden").mkdir()
    (tmp_path / "source" / ".hidden" / "labels.json").write_text("{}")
    files.put(str(tmp_path / "source"), "/bucket/logs", recursive=True)
    yield files
    files.store.clear()


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): content_digest(path) for path in list_drive_logs(folder)}


def test_a_folder_is_returned_as_it_is(tmp_path: Path) -> None:
    assert footage_folder(tmp_path) == tmp_path
    assert footage_folder(str(tmp_path / "missing"), tmp_path / "cache") == tmp_path / "missing"


def test_a_url_gives_the_same_logs_and_the_same_packed_footage(storage, tmp_path: Path) -> None:
    folder = footage_folder(URL, tmp_path / "cache")
    assert digests(folder) == digests(tmp_path / "source")
    assert set(digests(folder)) == {"a", "deep/b"}
    here, there = (footage_under(data, 32, 64) for data in (folder, tmp_path / "source"))
    assert np.array_equal(np.asarray(here.frames), np.asarray(there.frames))
    assert folder == cached_folder(URL + "/", tmp_path / "cache")


def test_only_what_has_changed_is_copied_again(storage, tmp_path: Path, write_log, monkeypatch) -> None:
    folder = footage_folder(URL, tmp_path / "cache")
    copied: list[str] = []
    get_file = type(storage).get_file
    monkeypatch.setattr(
        type(storage),
        "get_file",
        lambda self, source, to, **k: (copied.append(source), get_file(self, source, to, **k)),
    )
    assert footage_folder(URL, tmp_path / "cache") == folder
    assert copied == []
    write_log(tmp_path / "new", "a", num_frames=6, brightness=50)
    storage.put(str(tmp_path / "new" / "a"), "/bucket/logs", recursive=True)
    footage_folder(URL, tmp_path / "cache")
    assert sorted(copied) == ["/bucket/logs/a/labels.json", "/bucket/logs/a/video.mp4"]
    assert DriveLog.open(folder / "a").num_frames == 6
    storage.rm("/bucket/logs/deep", recursive=True)
    footage_folder(URL, tmp_path / "cache")
    assert set(digests(folder)) == {"a"}


def test_a_log_that_is_damaged_in_the_cache_by_an_interruption_is_copied_again(storage, tmp_path: Path) -> None:
    """Whatever a killed copy leaves has a hidden name, and is not footage."""
    folder = cached_folder(URL, tmp_path / "cache")
    (folder / ".a.partial").mkdir(parents=True)
    (folder / ".a.partial" / "labels.json").write_text("{")
    assert digests(folder) == {}
    assert footage_folder(URL, tmp_path / "cache") == folder
    assert digests(folder) == digests(tmp_path / "source")
    shutil.rmtree(folder / "a")
    footage_folder(URL, tmp_path / "cache")
    assert digests(folder) == digests(tmp_path / "source")


def test_shards_without_logs_are_copied_too(storage, tmp_path: Path) -> None:
    footage_under(tmp_path / "source", 32, 64)
    storage.put(str(tmp_path / "source" / ".packed"), "/bucket/shards/.packed", recursive=True)
    folder = footage_folder("memory://bucket/shards", tmp_path / "cache")
    assert list_drive_logs(folder) == []
    assert shard_names(packed_folder(folder, 32, 64)) == shard_names(packed_folder(tmp_path / "source", 32, 64))
    assert len(footage_under(folder, 32, 64).frames) == 8


def test_another_class_of_file_system_serves_as_well(storage, tmp_path: Path) -> None:
    folder = footage_folder(f"file://{tmp_path / 'source'}", tmp_path / "cache")
    assert digests(folder) == digests(tmp_path / "source")


def test_what_cannot_be_fetched_is_one_line(storage, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(FootageError, match="no drive logs and no packed footage"):
        footage_folder("memory://bucket/nothing", tmp_path / "cache")
    with pytest.raises((InputError, MissingExtraError), match="nosuch"):
        footage_folder("nosuch://bucket/logs", tmp_path / "cache")

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(type(storage), "get_file", fail)
    with pytest.raises(FootageError, match=r"cannot be fetched \(ConnectionError: no route\)"):
        footage_folder(URL, tmp_path / "cache")
    assert digests(cached_folder(URL, tmp_path / "cache")) == {}
    monkeypatch.undo()
    assert digests(footage_folder(URL, tmp_path / "cache")) == digests(tmp_path / "source")
