"""A finished archive on a web server of this machine: read by its URL, verified like one in a folder."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pytest
import zarr

import drivesim
from drivesim.errors import ArchiveError, InputError

pytest.importorskip("aiohttp")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; it lists no folder, answers 503 while the server is `failing`, and keeps what was asked for."""

    def send_head(self):
        self.server.requested.append(self.path)
        if self.server.failing:
            self.send_error(503)
            return None
        return super().send_head()

    def list_directory(self, path: str) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.failing, server.requested = False, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(folder, tiny) -> Iterator[http.server.ThreadingHTTPServer]:
    tiny.write(folder / "a.zarr")
    with served(folder) as running:
        yield running


def url_of(server: http.server.ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/a.zarr"


def test_it_is_read_lazily_by_its_url(server, folder, tiny):
    archive = drivesim.open_archive(url_of(server))
    assert archive.complete
    assert archive.manifest == drivesim.open_archive(folder / "a.zarr").manifest
    assert not [path for path in server.requested if "/c." in path]
    np.testing.assert_array_equal(archive.rollouts[0].frames[5:7], tiny.whole(0)[1][5:7])
    assert [path for path in server.requested if "/c." in path] == ["/a.zarr/rollouts/0000/frames/c.1.0.0.0"]
    np.testing.assert_array_equal(archive.rollouts[1].frames[:], tiny.whole(1)[1])
    np.testing.assert_array_equal(archive.rollouts[1].latents[:], tiny.whole(1)[0])
    with pytest.raises(InputError, match="copy the archive to this machine"):
        _ = archive.path


def test_zarr_reads_it_through_the_store(server, tiny):
    group = zarr.open_group(drivesim.archive_store(url_of(server) + "/"))
    np.testing.assert_array_equal(group["rollouts/0001/frames"][:], tiny.whole(1)[1])


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100])
def test_a_damaged_chunk_is_named(server, folder, tiny, content):
    chunk = folder / "a.zarr/rollouts/0000/frames/c.2.0.0.0"
    if content is None:
        chunk.unlink()
    else:
        chunk.write_bytes(content)
    frames = drivesim.open_archive(url_of(server)).rollouts[0].frames
    np.testing.assert_array_equal(frames[:8], tiny.whole(0)[1][:8])
    with pytest.raises(ArchiveError, match=r"window 1: rollouts/0000/frames/c\.2\.0\.0\.0"):
        frames[8]


def test_a_changed_document_or_manifest_is_named(server, folder):
    for file in ("rollouts/0000/frames/zarr.json", "drivesim.json"):
        path = folder / "a.zarr" / file
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(ArchiveError, match=file):
            drivesim.open_archive(url_of(server))


def test_a_missing_record_ends_what_can_be_read(server, folder):
    (folder / "a.zarr/rollouts/0000/_commit/000001.json").unlink()
    rollouts = drivesim.open_archive(url_of(server)).rollouts
    assert [rollout.num_committed_windows for rollout in rollouts] == [1, 3]
    assert [finding.window for finding in rollouts[0].chain.findings] == [1]


def test_a_server_that_does_not_answer_is_no_shorter_archive(server):
    archive = drivesim.open_archive(url_of(server))
    server.failing = True
    with pytest.raises(ArchiveError, match=r"cannot be fetched .*503"):
        drivesim.open_archive(url_of(server))
    with pytest.raises(ArchiveError, match=r"frames/c\.0\.0\.0\.0: cannot be fetched"):
        archive.rollouts[0].frames[0]


def test_an_address_without_an_archive_is_named(server):
    with pytest.raises(ArchiveError, match=r"nothing\.zarr: drivesim\.json: the file is missing"):
        drivesim.open_archive(url_of(server).replace("a.zarr", "nothing.zarr"))
    with pytest.raises(InputError, match="nosuch"):
        drivesim.open_archive("nosuch://bucket/a.zarr")


def test_records_are_found_where_nothing_can_be_listed(folder, tiny):
    """Also one that the head does not count yet, because the run was killed between the two."""
    tiny.write(folder / "a.zarr", stop_after=1)
    head = folder / "a.zarr/rollouts/0000/_commit/head.json"
    before = head.read_bytes()
    tiny.write(folder / "a.zarr", stop_after=1)
    head.write_bytes(before)
    storage = fsspec.filesystem("memory")
    storage.put(str(folder / "a.zarr"), "/bucket/a.zarr", recursive=True)
    try:
        rollout = drivesim.open_archive("memory://bucket/a.zarr").rollouts[0]
        assert (rollout.num_committed_windows, rollout.chain.findings) == (2, ())
        np.testing.assert_array_equal(rollout.frames[:], tiny.whole(0)[1][:16])
    finally:
        storage.rm("/bucket", recursive=True)
