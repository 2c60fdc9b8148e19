"""Check an archive: every damage is named by array, window and file."""

from __future__ import annotations

import dataclasses
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from drivesim.archive.files import TEMPORARY_SUFFIX, FileProblem, LocalFiles, read_file
from drivesim.archive.format.commit import Chain, CommitRecord, Finding, Records, read_chain
from drivesim.archive.format.documents import array_names, document_kinds
from drivesim.archive.format.identity import MANIFEST_FILE, Manifest
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import (
    COMMIT_FOLDER,
    HEAD_FILE,
    is_system_file,
    max_chunk_file_bytes,
    record_file,
    rollout_folder,
    window_files,
)
from drivesim.archive.format.structure import verify_metadata
from drivesim.archive.reader import archive_folder
from drivesim.archive.sealed_json import sha256
from drivesim.archive.stores.chunks import DamagedChunk, chunk_finding


def check_archive(path: str | Path, read_data: bool) -> list[Finding]:
    """Returns every damage of an archive; one that was only interrupted has none.

    It takes no lock; a writer may be at work. Files that an operating system leaves in folders are no damage.

    Args:
        path: The folder of the archive.
        read_data: Read every committed chunk too, verify its sha256 and decode it. Otherwise metadata and records are
            verified, and that every file is there, is a file and has its size.

    Raises:
        InputError: There is no archive, or it has a newer format.
    """
    root = archive_folder(path)
    files = LocalFiles(root)
    try:
        manifest = Manifest.read(files)
    except FileProblem as problem:
        return [Finding("archive", None, problem.file, problem.problem)]
    layout = manifest.layout
    present = _walk(root, layout)  # before the records: what a writer does meanwhile is then known to them
    findings = list(verify_metadata(files, manifest))
    expected = {MANIFEST_FILE, *document_kinds(layout)}
    chains = [read_chain(files, layout, manifest.chain_root, future) for future in range(layout.num_futures)]
    for future, chain in enumerate(chains):
        findings += chain.findings
        expected |= _expected_files(layout, future, chain)
    records = tuple(chain.records for chain in chains)
    findings += verify_windows(files, layout, records) if read_data else _verify_sizes(root, records)
    committed_as: dict[str, str] = {}
    for future, of_future in enumerate(records):
        for record in filter(None, of_future):
            committed_as |= {digest: f"{rollout_folder(future)}/{file}" for file, (_, digest) in record.chunks.items()}
    if read_data:
        findings = [_with_origin(root, layout, finding, committed_as) for finding in findings]
    named = {finding.file for finding in findings}
    for file, kind in present.items():
        foreign = kind != "file" or file not in expected
        if foreign and file not in named and os.path.lexists(root / file):
            folder = file.rpartition("/")[0] or "archive"
            findings.append(Finding(folder, None, file, f"this {kind} is no part of the archive"))
    return findings


def verify_windows(files: LocalFiles, layout: ArchiveLayout, records: Records) -> Iterator[Finding]:
    """Reads every chunk of all windows that have a record; yield what is wrong."""
    import zarr

    from drivesim.archive.stores.committed import ArchiveStore

    store = ArchiveStore(files, layout, records)
    for future, of_future in enumerate(records):
        folder, names = rollout_folder(future), array_names(layout) if of_future else []
        arrays = {name: zarr.open_array(store, path=f"{folder}/{name}", mode="r") for name in names}
        for record, file in _chunks(of_future):
            try:
                _ = arrays[file.split("/")[0]].blocks[int(file.split(".")[1])]
            except DamagedChunk as damage:
                yield damage.finding
            except (RuntimeError, ValueError) as error:  # of a codec: what was committed was no chunk
                yield chunk_finding(record, file, f"cannot be decoded ({error})")


def _chunks(records: Sequence[CommitRecord | None]) -> Iterator[tuple[CommitRecord, str]]:
    return ((record, file) for record in records if record is not None for file in record.chunks)


def _walk(root: Path, layout: ArchiveLayout) -> dict[str, str]:
    """Returns path and kind of all that is in the archive's own folders; follows no link, enters no other folder."""
    own_folders = {"", "rollouts"}
    for future in range(layout.num_futures):
        folder = rollout_folder(future)
        own_folders |= {folder, f"{folder}/latents", f"{folder}/{COMMIT_FOLDER}"}
        if layout.keeps_frames:
            own_folders.add(f"{folder}/frames")
    present = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path in own_folders and entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif not (is_system_file(entry.name) and entry.is_file(follow_symlinks=False)):
                    present[path] = _kind(entry)
    return present


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "symbolic link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special file"


def _expected_files(layout: ArchiveLayout, future: int, chain: Chain) -> set[str]:
    """Returns what a future's folder may hold: every recorded window, and what a killed commit leaves of the next."""
    num_windows = len(chain.records)
    files = {HEAD_FILE, *(record_file(window) for window in range(num_windows))}
    for window in range(num_windows):
        files.update(window_files(layout, window))
    if num_windows < layout.num_windows:
        in_hand = window_files(layout, num_windows)
        files.update(in_hand)
        files.update(file + TEMPORARY_SUFFIX for file in [*in_hand, record_file(num_windows)])
    if chain.head_is_behind:
        files.add(HEAD_FILE + TEMPORARY_SUFFIX)
    return {f"{rollout_folder(future)}/{file}" for file in files}


def _verify_sizes(root: Path, records: Records) -> Iterator[Finding]:
    for record, file in itertools.chain.from_iterable(map(_chunks, records)):
        size, _ = record.chunks[file]
        try:
            status = os.lstat(root / rollout_folder(record.future) / file)
        except OSError:
            yield chunk_finding(record, file, "the file is missing")
            continue
        if not stat.S_ISREG(status.st_mode):
            yield chunk_finding(record, file, "is not a regular file")
        elif status.st_size != size:
            yield chunk_finding(record, file, f"holds {status.st_size} bytes, {size} were committed")


def _with_origin(root: Path, layout: ArchiveLayout, finding: Finding, committed_as: dict[str, str]) -> Finding:
    """Adds whose bytes a damaged chunk holds, if they are those of another one (swapped or copied)."""
    try:
        content = read_file(root, finding.file, max_chunk_file_bytes(layout))
    except FileProblem:
        return finding
    origin = committed_as.get(sha256(content), finding.file)
    if origin == finding.file:
        return finding
    return dataclasses.replace(finding, message=f"{finding.message}; it holds the bytes of {origin}")
