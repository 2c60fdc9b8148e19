"""An archive as a `zarr.abc.store.Store`: zarr, xarray and dask read it, and drivesim's own reader does too.

The store shows committed windows only: its arrays are as long as what was committed when it was made. Every chunk is
verified against its commit record; one that is missing or changed is an error, where plain zarr shows black frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

from drivesim.archive.files import ArchiveFiles
from drivesim.archive.format.commit import Records
from drivesim.archive.format.documents import FRAMES, GROUP, document_kinds, new_documents, with_length
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import rollout_folder
from drivesim.archive.stores.chunks import read_chunk
from drivesim.errors import InputError


class ArchiveStore(Store):
    """The committed windows of an archive; nothing can be written through it.

    `read_only` is False unless a caller asks for a read-only store, because `zarr.open_group(store)` opens with mode
    "a" and zarr refuses that for a read-only store. Every write raises InputError all the same.

    Args:
        files: Where the files are read from.
        layout: Shapes and rates.
        records: For each future the record of each window that is shown; None for a window without a sound record.
        read_only: What `Store.read_only` says.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True
    supports_consolidated_metadata = False

    def __init__(self, files: ArchiveFiles, layout: ArchiveLayout, records: Records, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self._files = files
        self._layout = layout
        self._records = records
        self._kinds = document_kinds(layout)
        self._documents = new_documents(layout)  # here, because zarr cannot be called from within `get`
        self._chunks = {
            f"{rollout_folder(record.future)}/{file}": (record, file)
            for future in records
            for record in future
            if record is not None
            for file in record.chunks
        }

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and other._files.name == self._files.name
            and other._layout == self._layout
            and other._records == self._records
        )

    def __hash__(self) -> int:
        return hash((type(self), self._files.name))

    def __str__(self) -> str:
        return self._files.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._files.name!r})"

    def with_read_only(self, read_only: bool = False) -> ArchiveStore:
        """Returns the same store with another value of `read_only`."""
        return ArchiveStore(self._files, self._layout, self._records, read_only)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Returns a document or a verified chunk, None for any other key.

        Raises:
            ArchiveError: The chunk is missing or is not what was committed.
        """
        if key in self._kinds:
            content = self._document(key)
        elif key in self._chunks:
            content = await asyncio.to_thread(self._read_chunk, key)
        else:
            return None
        prototype = prototype or default_buffer_prototype()
        return prototype.buffer.from_bytes(content[_slice(byte_range)])

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Returns what `get` returns, for each pair of a key and a range of bytes."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Tells whether `get` has something to return."""
        return key in self._kinds or key in self._chunks

    async def list(self) -> AsyncIterator[str]:
        """Yields every key."""
        for key in (*self._kinds, *self._chunks):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yields every key that begins with a prefix."""
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yields the names of the files and folders in a folder."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        names = {key[len(folder) :].split("/")[0]: None async for key in self.list_prefix(folder)}
        for name in names:
            yield name

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse: an archive is written by rollouts only."""
        self._refuse()

    async def delete(self, key: str) -> None:
        """Refuse: an archive is written by rollouts only."""
        self._refuse()

    async def delete_dir(self, prefix: str) -> None:
        """Refuse: an archive is written by rollouts only."""
        self._refuse()

    def _document(self, key: str) -> bytes:
        """Returns the document of a group or array; an array is as long as the windows of its future that are shown."""
        kind = self._kinds[key]
        document = self._documents[kind]
        if kind == GROUP:
            return document
        windows = self._num_shown(int(key.split("/")[1]))
        return with_length(document, self._layout.committed_frames(windows) if kind == FRAMES else windows)

    def _num_shown(self, future: int) -> int:
        return len(self._records[future])

    def _read_chunk(self, key: str) -> bytes:
        return read_chunk(self._files, self._layout, *self._chunks[key])

    def _refuse(self) -> None:
        raise InputError(f"{self._files.name}: an archive is written by rollouts only; copy what you want to change")


def _slice(byte_range: ByteRequest | None) -> slice:
    match byte_range:
        case None:
            return slice(None)
        case RangeByteRequest(start, end):
            return slice(start, end)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(-suffix, None)
    raise TypeError(f"a range of bytes is expected, not {byte_range!r}")
