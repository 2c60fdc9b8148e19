"""Read a committed chunk: the bytes must be those of the commit record, or there is an error, never black frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivesim.archive.commit import CommitRecord, Finding
from drivesim.archive.files import FileProblem, read_file
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.sealed_json import sha256
from drivesim.archive.zarr_format import decode_frames, decode_latents, max_chunk_bytes, rollout_folder
from drivesim.errors import ArchiveError


def read_chunk(archive: Path, layout: ArchiveLayout, record: CommitRecord, file: str) -> np.ndarray:
    """Frames, uint8 (t, h, w, c) of full chunk length, or latents, float32 (t, c, h, w), of a committed chunk.

    Raises ArchiveError naming array, window and file where size, sha256 or content is not what was committed.
    """
    path = f"{rollout_folder(record.future)}/{file}"
    try:
        content = read_file(archive, path, max_chunk_bytes(layout))
        size, digest = record.chunks[file]
        if len(content) != size:
            raise FileProblem(path, f"holds {len(content)} bytes, {size} were committed")
        if sha256(content) != digest:
            raise FileProblem(path, "its content is not what was committed (sha256 differs)")
        try:
            return (decode_latents if file.startswith("latents/") else decode_frames)(content, layout)
        except ValueError as error:
            raise FileProblem(path, f"cannot be decoded ({error})") from None
    except FileProblem as problem:
        raise DamagedChunk(chunk_finding(record, file, problem.problem), archive) from None


class DamagedChunk(ArchiveError):
    """A committed chunk is missing or is not what was committed."""

    def __init__(self, finding: Finding, archive: Path) -> None:
        super().__init__(f"{archive}: {finding}")
        self.finding = finding


def chunk_finding(record: CommitRecord, file: str, message: str) -> Finding:
    """A finding about a chunk file of a committed window."""
    folder = rollout_folder(record.future)
    return Finding(f"{folder}/{file.split('/')[0]}", record.window, f"{folder}/{file}", message)


def verify_window(archive: Path, layout: ArchiveLayout, record: CommitRecord) -> Iterator[Finding]:
    """Read every chunk of a committed window and yield what is wrong."""
    for file in record.chunks:
        try:
            read_chunk(archive, layout, record, file)
        except DamagedChunk as damage:
            yield damage.finding
