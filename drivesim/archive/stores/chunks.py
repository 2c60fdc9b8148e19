"""Read the file of a committed chunk: its bytes are those of the commit record, or there is an error."""

from __future__ import annotations

from drivesim.archive.files import ArchiveFiles, FileProblem
from drivesim.archive.format.commit import CommitRecord, Finding
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import chunk_bytes, max_chunk_file_bytes, rollout_folder
from drivesim.archive.sealed_json import sha256
from drivesim.errors import ArchiveError

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def read_chunk(files: ArchiveFiles, layout: ArchiveLayout, record: CommitRecord, file: str) -> bytes:
    """Returns the compressed content of a committed chunk; `file` is its path inside the future's folder.

    Raises:
        DamagedChunk: Size or sha256 is not what was committed, or it would decompress to another size than a chunk's.
    """
    path = f"{rollout_folder(record.future)}/{file}"
    try:
        content = files.read(path, max_chunk_file_bytes(layout))
        size, digest = record.chunks[file]
        if len(content) != size:
            raise FileProblem(path, f"holds {len(content)} bytes, {size} were committed")
        if sha256(content) != digest:
            raise FileProblem(path, "its content is not what was committed (sha256 differs)")
        expected = chunk_bytes(layout, file)
        if _decompressed_size(content) != expected:
            raise FileProblem(path, f"cannot be decoded (not {expected} bytes in zstd)")
    except FileProblem as problem:
        raise DamagedChunk(chunk_finding(record, file, problem.problem), files.name) from None
    return content


class DamagedChunk(ArchiveError):
    """A committed chunk is missing or is not what was committed."""

    def __init__(self, finding: Finding, archive: str) -> None:
        super().__init__(f"{archive}: {finding}")
        self.finding = finding


def chunk_finding(record: CommitRecord, file: str, message: str) -> Finding:
    """Returns a finding about a chunk file of a committed window."""
    folder = rollout_folder(record.future)
    return Finding(f"{folder}/{file.split('/')[0]}", record.window, f"{folder}/{file}", message)


def _decompressed_size(content: bytes) -> int | None:
    """Returns the size that a zstd frame declares (RFC 8878, 3.1.1.1), so that a small file cannot claim all memory."""
    if content[:4] != _ZSTD_MAGIC or len(content) < 9:
        return None
    descriptor = content[4]
    single_segment = descriptor >> 5 & 1
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    start = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(content[start : start + size_bytes], "little")
    return size + 256 if size_bytes == 2 else size
