"""Read an archive: lazily, only what is committed, and only bytes that are what was committed.

>>> archive = open_archive("out/cut_in_night.zarr")
>>> archive.rollouts[0].frames[10:20]     # uint8 (t, h, w, c), RGB
>>> zarr.open_group(archive_store("out/cut_in_night.zarr"))
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesim.archive.committed_array import CommittedArray
from drivesim.archive.files import ArchiveFiles, FileProblem, LocalFiles
from drivesim.archive.format.commit import Chain, read_chain
from drivesim.archive.format.identity import Manifest
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import rollout_folder
from drivesim.archive.format.structure import require_sound_metadata
from drivesim.archive.sealed_json import sha256
from drivesim.archive.stores.remote import RemoteFiles, is_url
from drivesim.errors import ArchiveError, InputError
from drivesim.wording import counted

if TYPE_CHECKING:
    import zarr

    from drivesim.archive.stores.committed import ArchiveStore

_REMOTE_REQUESTS = 16  # at a time, while an archive is opened


@dataclass(frozen=True)
class OpenedArchive:
    """The files of an archive and the records of every future, as they were when it was opened."""

    files: ArchiveFiles
    layout: ArchiveLayout
    chains: tuple[Chain, ...]

    def __repr__(self) -> str:
        return f"<OpenedArchive {self.files.name}>"

    @cached_property
    def store(self) -> ArchiveStore:
        """The committed windows; made when it is first asked for, because importing zarr takes a second."""
        from drivesim.archive.stores.committed import ArchiveStore

        return ArchiveStore(self.files, self.layout, tuple(chain.trusted for chain in self.chains))

    def array(self, future: int, name: str) -> zarr.Array[Any]:
        """Opens an array of a future: `frames` or `latents`."""
        import zarr

        return zarr.open_array(self.store, path=f"{rollout_folder(future)}/{name}", mode="r")


@dataclass(frozen=True)
class Rollout:
    """One future of an archive, as far as it is committed."""

    opened: OpenedArchive
    future: int

    def __repr__(self) -> str:
        frames = f"{self.num_committed_frames} of {self.layout.num_frames} frames"
        return f"<Rollout {self.future} of {self.opened.files.name}: {frames}>"

    @property
    def layout(self) -> ArchiveLayout:
        """Shapes and rates."""
        return self.opened.layout

    @property
    def chain(self) -> Chain:
        """The commit records."""
        return self.opened.chains[self.future]

    @property
    def num_committed_windows(self) -> int:
        """Number of windows that a reader may trust."""
        return self.chain.num_committed

    @property
    def num_committed_frames(self) -> int:
        """Number of frames in the committed windows."""
        return self.layout.committed_frames(self.num_committed_windows)

    @property
    def complete(self) -> bool:
        """Whether every window is committed."""
        return self.num_committed_windows == self.layout.num_windows

    def require_sound(self) -> None:
        """Raises ArchiveError naming the first damaged or missing commit record, which hides windows from readers."""
        for finding in self.chain.findings:
            raise ArchiveError(f"{self.opened.files.name}: {finding}; `drivesim check --read-data` lists all damage")

    @property
    def labels(self) -> tuple[dict[str, Any], ...]:
        """The labels that were committed with each window."""
        return tuple(record.labels for record in self.chain.trusted)

    @property
    def content_sha256(self) -> str:
        """One hash of all that is committed: two futures have the same exactly if their chunks are the same bytes."""
        digests = [digest for record in self.chain.trusted for _, (_, digest) in sorted(record.chunks.items())]
        return sha256("\n".join(digests).encode())

    @property
    def frames(self) -> CommittedArray:
        """The frames, uint8 (t, h, w, c), RGB; raises InputError if the archive stores only latents."""
        if not self.layout.keeps_frames:
            raise InputError(f"{self.opened.files.name}: keeps latents alone; `drivesim render` makes its frames again")
        shape = (self.num_committed_frames, *self.layout.frame_shape)
        return self._array("frames", shape, np.uint8, self.layout.frames_per_chunk)

    @property
    def latents(self) -> CommittedArray:
        """float32 (window, t, c, h, w)."""
        shape = (self.num_committed_windows, *self.layout.latent_chunk_shape[1:])
        return self._array("latents", shape, np.float32, 1)

    def _array(self, name: str, shape: tuple[int, ...], dtype: type, chunk_length: int) -> CommittedArray:
        what = f"{self.opened.files.name}: {name} of future {self.future}"
        return CommittedArray(what, shape, dtype, chunk_length, partial(self.opened.array, self.future, name))


@dataclass(frozen=True)
class Archive:
    """An open archive: a view of what was committed when it was opened."""

    opened: OpenedArchive
    manifest: Manifest

    @cached_property
    def rollouts(self) -> tuple[Rollout, ...]:
        """Every future."""
        return tuple(Rollout(self.opened, future) for future in range(self.layout.num_futures))

    def __repr__(self) -> str:
        committed = sum(rollout.num_committed_windows for rollout in self.rollouts)
        windows = counted(len(self.rollouts) * self.layout.num_windows, "window")
        futures = counted(len(self.rollouts), "future")
        return f"<Archive {self.opened.files.name}: {futures}, {committed} of {windows}>"

    @property
    def path(self) -> Path:
        """The folder of the archive; raises InputError if it was opened by a URL."""
        if isinstance(self.opened.files, LocalFiles):
            return self.opened.files.path
        raise InputError(f"{self.opened.files.name}: copy the archive to this machine for that")

    @property
    def layout(self) -> ArchiveLayout:
        """Shapes and rates."""
        return self.manifest.layout

    @property
    def provenance(self) -> dict[str, Any]:
        """What the archive was made from, for people."""
        return self.manifest.provenance

    @property
    def complete(self) -> bool:
        """Whether every future is complete."""
        return all(rollout.complete for rollout in self.rollouts)

    def require_sound(self) -> None:
        """Raises ArchiveError if a commit record of any future is damaged or missing."""
        for rollout in self.rollouts:
            rollout.require_sound()


def open_archive(path: str | Path, storage_options: dict[str, Any] | None = None) -> Archive:
    """Opens an archive for reading; a writer may be at work on it.

    Damage in a commit record ends what can be read of its future; `check_archive` names it.

    Args:
        path: A folder, or a URL of any protocol that fsspec knows (`https://...`, `s3://...`).
        storage_options: What fsspec needs for a URL, such as credentials.

    Raises:
        InputError: There is no archive, or it has a newer format.
        ArchiveError: Its metadata is damaged, or the storage does not answer.
    """
    files = RemoteFiles.open(str(path), storage_options) if is_url(path) else LocalFiles(archive_folder(path))
    try:
        manifest = Manifest.read(files)
    except FileProblem as problem:
        raise ArchiveError(f"{files.name}: {problem}") from None
    require_sound_metadata(files, manifest)
    layout, futures = manifest.layout, range(manifest.layout.num_futures)
    read = partial(read_chain, files, layout, manifest.chain_root)
    if isinstance(files, LocalFiles):
        return Archive(OpenedArchive(files, layout, tuple(map(read, futures))), manifest)
    with ThreadPoolExecutor(_REMOTE_REQUESTS) as pool:
        return Archive(OpenedArchive(files, layout, tuple(pool.map(read, futures))), manifest)


def archive_store(path: str | Path, storage_options: dict[str, Any] | None = None) -> ArchiveStore:
    """Returns an archive as a store for zarr, xarray or dask: committed windows only, and every byte verified.

    >>> zarr.open_group(drivesim.archive_store(path))["rollouts/0000/frames"]
    >>> xarray.open_zarr(drivesim.archive_store(path), group="rollouts/0000")

    Args:
        path: A folder or a URL, as for `open_archive`.
        storage_options: What fsspec needs for a URL, such as credentials.

    Raises:
        InputError: There is no archive, or it has a newer format.
        ArchiveError: Its metadata is damaged, or the storage does not answer. Reading a chunk that is missing or not
            what was committed raises it too.
    """
    return open_archive(path, storage_options).opened.store


def archive_folder(path: str | Path) -> Path:
    """Returns the folder of an archive, with no link left in its path; raises InputError if there is no folder."""
    path = Path(path)
    if not path.is_dir():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{path}: {problem}; an archive is a folder such as out/<name>.zarr")
    return path.resolve()
