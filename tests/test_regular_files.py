"""Pipes, devices and links in the place of a file: reads refuse at once, writes leave alone what they lead to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from drivesim import durable
from drivesim.archive.export import write_text
from drivesim.errors import ArchiveWriteError
from drivesim.regular_files import create_own, open_regular, read_regular, sha256_of


@pytest.fixture(params=["pipe", "device", "link to a device", "socket", "folder"])
def not_regular(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "it"
    match request.param:
        case "pipe":
            os.mkfifo(path)
        case "device":
            return Path("/dev/zero")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as opened:
                opened.bind(str(path))
        case "folder":
            path.mkdir()
    return path


@pytest.mark.timeout(60)
@pytest.mark.parametrize("read", [open_regular, read_regular, sha256_of])
def test_what_is_no_regular_file_is_not_read(not_regular: Path, read) -> None:
    with pytest.raises(OSError, match=r"not a regular file|No such device or address|Is a directory"):
        read(not_regular)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"content"


def test_no_more_than_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "file", 4)


@pytest.fixture(params=["pipe", "symbolic link", "hard link", "broken link", "link to a device"])
def occupied(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A name that is taken, and a file of a user that a careless write to it would overwrite."""
    name, user_file = tmp_path / "temporary", tmp_path / "precious"
    user_file.write_bytes(b"precious")
    match request.param:
        case "pipe":
            os.mkfifo(name)
        case "symbolic link":
            name.symlink_to(user_file)
        case "hard link":
            os.link(user_file, name)
        case "broken link":
            name.symlink_to(tmp_path / "nowhere")
        case "link to a device":
            name.symlink_to("/dev/null")
    return name, user_file


@pytest.mark.timeout(60)
def test_a_file_of_its_own_takes_a_name_and_writes_to_nothing_else(occupied: tuple[Path, Path]) -> None:
    name, user_file = occupied
    descriptor = create_own(name)
    os.write(descriptor, b"mine")
    os.close(descriptor)
    assert name.read_bytes() == b"mine"
    assert not name.is_symlink()
    assert user_file.read_bytes() == b"precious"
    assert not (name.parent / "nowhere").exists()


@pytest.mark.timeout(60)
def test_temporary_files_of_writes_overwrite_nothing(occupied: tuple[Path, Path]) -> None:
    name, user_file = occupied
    folder = name.parent
    name.rename(folder / "a.tmp")
    durable.write_file(folder / "a", b"content")
    assert (folder / "a").read_bytes() == b"content"
    (folder / "a").rename(folder / ".b.part")
    write_text("text", folder / "b")
    assert (folder / "b").read_text() == "text"
    assert user_file.read_bytes() == b"precious"


@pytest.mark.timeout(60)
def test_a_write_never_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        before = os.lstat(tmp_path / name).st_mode
        with pytest.raises(OSError, match="a pipe or a device has this name"):
            durable.write_file(tmp_path / name, b"content")
        with pytest.raises(ArchiveWriteError, match="a pipe or a device has this name"):
            write_text("text", tmp_path / name)
        assert os.lstat(tmp_path / name).st_mode == before


def test_a_name_that_no_file_can_have_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="null"):
        open_regular("a\0b")
