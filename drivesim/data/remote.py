"""Footage in object storage: what is at a URL is copied into a local cache, and training reads it there.

    folder = footage_folder("s3://bucket/logs", cache)      # a path is returned as it is

The cache holds drive logs under the same names, and packed shards that were recorded without logs. What is there
already is not copied again: size and version (ETag, time of the last change) of each file decide. What is no longer at
the URL is removed from the cache. Drive logs appear one by one, when they are complete, so a copy that was interrupted
continues.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from drivesim import durable
from drivesim.archive.sealed_json import seal, unseal
from drivesim.archive.stores.remote import filesystem_of, is_url
from drivesim.data.drive_log import VIDEO_FILE
from drivesim.data.drive_log_labels import LABELS_FILE
from drivesim.data.packing import OnProgress, silent
from drivesim.data.publishing import Claim, sweep, writing
from drivesim.data.shards.shard import FRAMES_FILE, IDENTITY_FILE
from drivesim.data.shards.shard import LABELS_FILE as SHARD_LABELS_FILE
from drivesim.errors import FootageError
from drivesim.regular_files import read_regular

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec ships no types

_NOTES = ".remote"
_LOG_FILES = (LABELS_FILE, VIDEO_FILE)
_SHARD_FILES = (FRAMES_FILE, SHARD_LABELS_FILE, IDENTITY_FILE)
_SIZE_FOLDER = re.compile(r"\d+x\d+")
_VERSION_KEYS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "updated", "created")
_AT_A_TIME = 8


def footage_folder(data: str | Path, cache: Path | None = None, on_progress: OnProgress = silent) -> Path:
    """Returns a local folder with the footage of a path or a URL.

    Args:
        data: A folder, or the URL of one, of any protocol that fsspec knows (`s3://...`, `gs://...`, `file://...`).
        cache: Folder of the caches of all URLs; None for `~/.cache/drivesim/footage`.
        on_progress: Is called after each drive log that was copied.

    Raises:
        MissingExtraError: The package of the protocol is not installed.
        FootageError: The storage cannot be reached, or there is no footage at the URL.
        FootageWriteError: The disk is full; the same call continues once there is room.
    """
    if not is_url(str(data)):
        return Path(data)
    folder = cached_folder(str(data), cache)
    _Mirror(str(data).rstrip("/"), folder, on_progress).update()
    return folder


def cached_folder(url: str, cache: Path | None = None) -> Path:
    """Returns where the footage of a URL is cached, or will be."""
    url = url.rstrip("/")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", url.partition("://")[2]).strip("._")[-60:] or "root"
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return (cache or Path.home() / ".cache" / "drivesim" / "footage") / f"{name}-{digest}"


@dataclass(frozen=True)
class _RemoteFolder:
    """A drive log or a shard at the URL: its path below it, and size and version of each of its files."""

    path: str
    files: dict[str, list[str]]


class _Mirror:
    """The copy of a URL in a folder."""

    def __init__(self, url: str, folder: Path, on_progress: OnProgress) -> None:
        self._url, self._folder, self._on_progress = url, folder, on_progress
        self._files: AbstractFileSystem
        self._files, self._root = filesystem_of(url)

    def update(self) -> None:
        """Copies what is new or changed, and removes what is gone."""
        there = {remote.path: remote for remote in self._listed()}
        if not there:
            raise FootageError(f"{self._url}: no drive logs and no packed footage here")
        with writing(self._folder):
            (self._folder / _NOTES).mkdir(parents=True, exist_ok=True)
        with Claim.wait_for(self._folder / _NOTES / "update", lambda owner: None):
            for path in set(self._known()) - set(there):
                self._remove(path)
            new = [remote for remote in there.values() if not self._is_current(remote)]
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                for done, _ in enumerate(pool.map(self._copy, new), 1):
                    self._on_progress(f"copying {self._url}", done, len(new))
            for parent in {(self._folder / path).parent for path in there}:
                sweep(parent)

    def _listed(self) -> Iterator[_RemoteFolder]:
        found = self._asked(self._files.find, self._root, detail=True)
        by_folder: dict[PurePosixPath, dict[str, list[str]]] = {}
        root = PurePosixPath(self._root)
        for name, info in found.items():
            path = PurePosixPath(name)
            if path.is_relative_to(root) and ".." not in path.parts:
                inside = path.relative_to(root)
                by_folder.setdefault(inside.parent, {})[inside.name] = [str(info.get("size")), _version(info)]
        for folder, files in sorted(by_folder.items()):
            wanted = _files_of(folder)
            if wanted and all(name in files for name in wanted):
                yield _RemoteFolder(folder.as_posix(), {name: files[name] for name in wanted})

    def _copy(self, remote: _RemoteFolder) -> None:
        folder = self._folder / remote.path
        with Claim.acquire(folder) as claim:
            claim.discard()
            partial = claim.start()
            for name, (size, _) in remote.files.items():
                self._asked(self._files.get_file, f"{self._root}/{remote.path}/{name}", str(partial / name))
                if size != str((partial / name).stat().st_size):
                    raise FootageError(
                        f"{self._url}/{remote.path}/{name}: changed while it was copied; run the command again"
                    )
            claim.publish()
            with writing(self._folder):
                note = self._note(remote.path)
                note.parent.mkdir(parents=True, exist_ok=True)
                durable.write_file(note, seal({"path": remote.path, "files": remote.files}))

    def _is_current(self, remote: _RemoteFolder) -> bool:
        folder = self._folder / remote.path
        try:
            return folder.is_dir() and unseal(read_regular(self._note(remote.path)))["files"] == remote.files
        except (OSError, ValueError, KeyError):
            return False

    def _known(self) -> Iterator[str]:
        """The paths of everything that was copied."""
        for note in sorted((self._folder / _NOTES).glob("*.json")):
            try:
                yield str(unseal(read_regular(note))["path"])
            except (OSError, ValueError, KeyError):
                note.unlink(missing_ok=True)  # what it stands for is copied again

    def _remove(self, path: str) -> None:
        with Claim.acquire(self._folder / path) as claim:
            claim.discard()
        self._note(path).unlink(missing_ok=True)

    def _note(self, path: str) -> Path:
        return self._folder / _NOTES / f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"

    def _asked(self, ask: Callable[..., Any], *arguments: str, **options: bool) -> Any:
        """The answer of the storage; what its file system raises becomes a FootageError."""
        try:
            return ask(*arguments, **options)
        except FileNotFoundError:
            raise FootageError(f"{self._url}: nothing is there, or it was removed meanwhile") from None
        except Exception as error:  # every file system of fsspec has errors of its own
            raise FootageError(
                f"{self._url}: cannot be fetched ({type(error).__name__}: {error}); check the address, the credentials "
                "and the network, then run the command again"
            ) from error


def _files_of(folder: PurePosixPath) -> tuple[str, ...]:
    """The files that make a folder footage: those of a shard in the place of shards, or those of a drive log."""
    parts = folder.parts
    if not parts:
        return ()  # the URL names the folder above the logs
    if len(parts) == 3 and parts[0] == ".packed" and _SIZE_FOLDER.fullmatch(parts[1]):
        return () if parts[2].startswith(".") else _SHARD_FILES
    return () if any(part.startswith(".") for part in parts) else _LOG_FILES


def _version(info: dict[str, Any]) -> str:
    """What changes if a file is written again; empty where the storage tells nothing but sizes."""
    return next((str(info[key]) for key in _VERSION_KEYS if info.get(key) is not None), "")
