"""The rollouts of a folder, by id."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.archive import ArchiveLayout, ArchiveWriter, open_archive
from drivesim.errors import ArchiveError, InputError
from ui import archives as module
from ui.archives import Archives, scenario_of, summary
from ui.panes import future_pane

LAYOUT = ArchiveLayout(2, 8, 4, 3, (16, 32, 3), (2, 2, 4), 10.0, 2.5)
SCENARIO = {"format": 1, "name": "seen", "boxes": []}


def write_archive(path: Path, windows: int = 2, provenance: dict | None = None) -> None:
    """An archive whose frame `k` of future `f` is of one shade, 10 f + k."""
    with ArchiveWriter.open(path, {"seed": 1}, LAYOUT, provenance or {"scenario": SCENARIO}) as writer:
        for future in range(2):
            for window in range(windows):
                shades = 10 * future + 4 * window + np.arange(4, dtype=np.uint8)
                frames = np.broadcast_to(shades[:, None, None, None], (4, 16, 32, 3))
                latents = np.zeros((3, 2, 2, 4), np.float32)
                writer.commit(future, window, latents, np.ascontiguousarray(frames), {})


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    write_archive(tmp_path / "top.zarr")
    write_archive(tmp_path / "run" / "seen.zarr")
    write_archive(tmp_path / "batch" / "day" / "deep.zarr", windows=1)
    write_archive(tmp_path / "a" / "b" / "c" / "too_deep.zarr")
    (tmp_path / "link.zarr").symlink_to(tmp_path / "a" / "b" / "c" / "too_deep.zarr")
    return Archives(tmp_path)


def test_archives_are_found_two_folders_deep_and_never_through_links(archives: Archives) -> None:
    assert {entry.title for entry in archives.entries()} == {"top", "run/seen", "batch/day/deep"}


def test_an_id_stands_for_one_archive(archives: Archives) -> None:
    for entry in archives.entries():
        assert archives.entry(entry.id) == entry
        assert archives.key_of(entry.path) == entry.id
        assert archives.open(entry.id).path == entry.path.resolve()


@pytest.mark.parametrize("key", ["", "top", "../top", "/etc", "0" * 16, "run/seen"])
def test_a_path_is_no_id(archives: Archives, key: str) -> None:
    with pytest.raises(InputError):
        archives.open(key)


def test_each_frame_is_the_one_of_its_number(archives: Archives) -> None:
    key = archives.key_of(archives.folder / "run" / "seen.zarr")
    for future, index in ((0, 0), (0, 7), (1, 5)):
        assert (archives.frame(key, future, index) == 10 * future + index).all()
        decoded = cv2.imdecode(np.frombuffer(archives.frame_jpeg(key, future, index), np.uint8), cv2.IMREAD_COLOR)
        assert abs(int(decoded.mean()) - 10 * future - index) <= 1


@pytest.mark.parametrize(("future", "index"), [(2, 0), (-1, 0), (0, -1)])
def test_other_frames_do_not_exist(archives: Archives, future: int, index: int) -> None:
    key = archives.key_of(archives.folder / "top.zarr")
    with pytest.raises(InputError):
        archives.frame(key, future, index)
    with pytest.raises(ArchiveError):
        archives.frame(key, 0, 8)


def test_an_archive_that_grows_is_seen_to_grow(archives: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archives.folder / "batch" / "day" / "deep.zarr"
    key = archives.key_of(path)
    assert archives.open(key).rollouts[0].num_committed_frames == 4
    write_archive_rest(path)
    monkeypatch.setattr(module, "_FRESH_S", 0.0)
    assert archives.open(key).rollouts[0].num_committed_frames == 8


def write_archive_rest(path: Path) -> None:
    with ArchiveWriter.open(path, {"seed": 1}, LAYOUT, {"scenario": SCENARIO}) as writer:
        for future in range(2):
            writer.commit(future, 1, np.zeros((3, 2, 2, 4), np.float32), np.zeros((4, 16, 32, 3), np.uint8), {})


def test_an_archive_that_is_replaced_shows_its_new_frames(archives: Archives) -> None:
    path = archives.folder / "top.zarr"
    key = archives.key_of(path)
    before = archives.frame_jpeg(key, 1, 7)
    shutil.rmtree(path)
    write_archive(path, windows=1)
    write_archive_rest(path)
    os.utime(path / "drivesim.json", ns=(1, 1))
    assert archives.frame_jpeg(key, 1, 7) != before


def test_a_download_is_the_whole_archive(archives: Archives, tmp_path: Path) -> None:
    key = archives.key_of(archives.folder / "run" / "seen.zarr")
    content = b"".join(archives.download(key))
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "unpacked")
    mine, theirs = open_archive(archives.entry(key).path), open_archive(tmp_path / "unpacked" / "seen.zarr")
    assert [r.content_sha256 for r in mine.rollouts] == [r.content_sha256 for r in theirs.rollouts]


def test_a_download_beyond_the_limit_is_refused(archives: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOWNLOAD_BYTES", 100)
    with pytest.raises(InputError, match="copy its folder"):
        archives.download(archives.key_of(archives.folder / "top.zarr"))


def test_the_scenario_of_an_archive_is_the_one_it_records(archives: Archives, tmp_path: Path) -> None:
    archive = archives.open(archives.key_of(archives.folder / "top.zarr"))
    assert scenario_of(archive).name == "seen"
    assert summary(archive) == "2 futures of 0.8 s, 8 frames each, complete"
    write_archive(tmp_path / "other.zarr", provenance={"scenario": {"name": "<script>"}})
    with pytest.raises(InputError):
        scenario_of(open_archive(tmp_path / "other.zarr"))


def test_panes_name_ids_alone(archives: Archives) -> None:
    for entry in archives.entries():
        pane = future_pane(entry.id, archives.open(entry.id), 1, "Future 1", branch=True, boxes=True)
        assert str(archives.folder) not in json.dumps(pane)
        assert pane["frames"] == archives.open(entry.id).rollouts[1].num_committed_frames
