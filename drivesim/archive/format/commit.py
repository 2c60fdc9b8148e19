"""Commit records: they say which windows of a future exist, and hold the sha256 of each of their files.

`_commit/000007.json` is the record of window 7. It holds size and sha256 of the window's chunk files, the caller's
labels, and the sha256 of the record before it (of `drivesim.json` for window 0). A window exists from the instant its
record is renamed into place. Readers trust the contiguous run of sound records from window 0 and nothing else.

`_commit/head.json` says how many records there are. It is replaced after each commit, so it may be one behind the
records and never ahead of them: a record that was removed later, the last one included, shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from drivesim.archive.files import ArchiveFiles, FileProblem
from drivesim.archive.format.identity import MANIFEST_FILE
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import (
    COMMIT_FOLDER,
    HEAD_FILE,
    max_chunk_file_bytes,
    record_file,
    rollout_folder,
    window_files,
)
from drivesim.archive.sealed_json import MAX_SEALED_BYTES, seal, sha256, unseal

MAX_BAD_RECORDS = 1_000  # of a future that are named one by one
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RECORD_NAME = re.compile(r"[0-9]{6,12}\.json")


@dataclass(frozen=True)
class Finding:
    """A damage: the array (or folder) that has it, the window if it is in one, the file, and what is wrong."""

    array: str
    window: int | None
    file: str
    message: str

    def __str__(self) -> str:
        window = "" if self.window is None else f" window {self.window}"
        return f"{self.array}{window}: {self.file}: {self.message}"


@dataclass(frozen=True)
class CommitRecord:
    """What is committed of a window.

    Attributes:
        future: Number of the future.
        window: Number of the window.
        previous: sha256 of the record before it, or of `drivesim.json` for window 0.
        chunks: Size in bytes and sha256 of each chunk file, by its path inside the future's folder.
        labels: The caller's JSON about the window.
    """

    future: int
    window: int
    previous: str
    chunks: dict[str, tuple[int, str]]
    labels: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Returns the content of the file."""
        return seal(
            {
                "future": self.future,
                "window": self.window,
                "previous": self.previous,
                "chunks": {file: {"bytes": size, "sha256": digest} for file, (size, digest) in self.chunks.items()},
                "labels": self.labels,
            }
        )

    @classmethod
    def parse(cls, content: bytes, layout: ArchiveLayout, future: int, window: int) -> CommitRecord:
        """Returns the record of this future and window; raises ValueError that says why these bytes are not it."""
        fields = unseal(content)
        if set(fields) != {"future", "window", "previous", "chunks", "labels"}:
            raise ValueError("has not the fields of a commit record")
        if (fields["future"], fields["window"]) != (future, window):
            raise ValueError(f"is the record of future {fields['future']}, window {fields['window']}")
        if not isinstance(fields["chunks"], dict) or set(fields["chunks"]) != set(window_files(layout, window)):
            raise ValueError("does not name the chunks of its window")
        chunks = {}
        for file, entry in fields["chunks"].items():
            if not isinstance(entry, dict) or set(entry) != {"bytes", "sha256"}:
                raise ValueError(f"has a wrong entry for {file}")
            size, digest = entry["bytes"], entry["sha256"]
            if not isinstance(size, int) or not 0 < size <= max_chunk_file_bytes(layout):
                raise ValueError(f"has a wrong size for {file}")
            if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
                raise ValueError(f"has a wrong sha256 for {file}")
            chunks[file] = (size, digest)
        if not isinstance(fields["labels"], dict):
            raise ValueError("has labels that are not an object")
        return cls(future, window, fields["previous"], chunks, fields["labels"])


Records = tuple[tuple[CommitRecord | None, ...], ...]  # for each future, one per window


def head_bytes(future: int, num_windows: int, last: str) -> bytes:
    """Returns `head.json` after `num_windows` commits; `last` is the sha256 of the last record, or the chain's root."""
    return seal({"future": future, "windows": num_windows, "last": last})


@dataclass(frozen=True)
class Chain:
    """The records of a future.

    Attributes:
        records: One entry per window, None where there is no sound record.
        num_committed: How many of them, counted from the start, are trusted.
        last: sha256 of the last trusted record, or the chain's root.
        head_is_behind: The head does not count the last record, because a run was killed between the two.
        findings: Damage; empty for a sound chain.
    """

    records: tuple[CommitRecord | None, ...]
    num_committed: int
    last: str
    head_is_behind: bool
    findings: tuple[Finding, ...]

    @property
    def trusted(self) -> tuple[CommitRecord, ...]:
        """The contiguous run of sound records from window 0."""
        return tuple(record for record in self.records[: self.num_committed] if record is not None)


def read_chain(files: ArchiveFiles, layout: ArchiveLayout, chain_root: str, future: int) -> Chain:
    """Reads and verify every record of a future; safe beside a writer. Damage is reported, not raised."""
    reader = _ChainReader(files, layout, chain_root, future)
    head = reader.read(HEAD_FILE)
    while True:
        chain = reader.read_chain(head)
        head_now = reader.read(HEAD_FILE)
        if head_now == head:
            return chain
        head = head_now  # a writer committed meanwhile


@dataclass(frozen=True)
class _ChainReader:
    files: ArchiveFiles
    layout: ArchiveLayout
    chain_root: str
    future: int

    def read(self, file: str) -> bytes | str:
        """Returns the content of a file of the future's folder, or a sentence that says why there is none."""
        try:
            return self.files.read(f"{rollout_folder(self.future)}/{file}", MAX_SEALED_BYTES)
        except FileProblem as problem:
            return problem.problem

    def finding(self, window: int | None, file: str, message: str) -> Finding:
        folder = rollout_folder(self.future)
        return Finding(f"{folder}/{COMMIT_FOLDER}", window, f"{folder}/{file}", message)

    def read_chain(self, head: bytes | str) -> Chain:
        records: list[CommitRecord | None] = []
        digests: list[str | None] = []
        findings: list[Finding] = []
        head_windows, head_last, num_bad = 0, None, 0
        try:
            head_windows, head_last = self.parse_head(head)
        except ValueError as error:
            findings.append(self.finding(None, HEAD_FILE, str(error)))
        num_expected = max(self.num_files(head_windows), head_windows)
        for window in range(num_expected):
            if num_bad == MAX_BAD_RECORDS:
                message = f"too many of the {num_expected} records are no good; those from this one on were not read"
                findings.append(self.finding(window, record_file(window), message))
                break
            content = self.read(record_file(window))
            digests.append(sha256(content) if isinstance(content, bytes) else None)
            previous = digests[window - 1] if window else self.chain_root
            try:
                records.append(self.parse_record(content, window, previous))
            except ValueError as error:
                records.append(None)
                num_bad += 1
                findings.append(self.finding(window, record_file(window), str(error)))
        num_committed = next((i for i, record in enumerate(records) if record is None), len(records))
        if head_last is not None:
            known = {0: self.chain_root, **dict(enumerate(digests, start=1))}
            if head_last != (known.get(head_windows) or head_last):
                findings.append(self.finding(None, HEAD_FILE, "does not name the record it was written after"))
            if head_windows < len(records) - 1:
                message = f"counts {head_windows} windows, where {len(records)} have records"
                findings.append(self.finding(None, HEAD_FILE, message))
        return Chain(
            records=tuple(records),
            num_committed=num_committed,
            last=(digests[num_committed - 1] if num_committed else None) or self.chain_root,
            head_is_behind=head_windows < num_committed,
            findings=tuple(findings),
        )

    def num_files(self, head_windows: int) -> int:
        """Returns the number of windows up to the last one that has a record file."""
        names = self.files.list(f"{rollout_folder(self.future)}/{COMMIT_FOLDER}")
        if names is None:  # the head may be one record behind, never more
            in_hand = head_windows < self.layout.num_windows and isinstance(self.read(record_file(head_windows)), bytes)
            return head_windows + in_hand
        numbers = (int(name[:-5]) for name in names if _RECORD_NAME.fullmatch(name))
        return max((n + 1 for n in numbers if n < self.layout.num_windows), default=0)

    def parse_record(self, content: bytes | str, window: int, previous: str | None) -> CommitRecord:
        if isinstance(content, str):
            raise ValueError(content)
        record = CommitRecord.parse(content, self.layout, self.future, window)
        if previous is not None and record.previous != previous:
            raise ValueError(f"does not follow {record_file(window - 1) if window else MANIFEST_FILE} as it is now")
        return record

    def parse_head(self, content: bytes | str) -> tuple[int, str]:
        if isinstance(content, str):
            raise ValueError(content)
        fields = unseal(content)
        if set(fields) != {"future", "windows", "last"} or fields["future"] != self.future:
            raise ValueError(f"is not the head of future {self.future}")
        windows = fields["windows"]
        if isinstance(windows, bool) or not isinstance(windows, int) or not 0 <= windows <= self.layout.num_windows:
            raise ValueError(f"counts {windows!r} windows of {self.layout.num_windows}")
        if not isinstance(fields["last"], str) or not _SHA256.fullmatch(fields["last"]):
            raise ValueError("names no record as the last one")
        return windows, fields["last"]
