"""Check an archive: name every damage by array, window and file."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

from drivesim.archive.chunks import chunk_finding, verify_window
from drivesim.archive.commit import COMMIT_FOLDER, HEAD_FILE, Chain, CommitRecord, Finding, read_chain, record_file
from drivesim.archive.files import TEMPORARY_SUFFIX, FileProblem, read_file
from drivesim.archive.identity import MANIFEST_FILE, Manifest
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.reader import archive_folder
from drivesim.archive.sealed_json import sha256
from drivesim.archive.structure import verify_metadata
from drivesim.archive.zarr_format import max_chunk_bytes, metadata_files, rollout_folder, window_files


def check_archive(path: str | Path, read_data: bool) -> list[Finding]:
    """Every damage of an archive; one that was only interrupted has none. Takes no lock, a writer may be at work.

    Without `read_data`: metadata, records, and presence, kind and size of every file. With it also the sha256 and
    the decoding of every committed chunk. Raises InputError where there is no archive, or one of a newer format.
    """
    root = archive_folder(path)
    try:
        manifest = Manifest.read(root)
    except FileProblem as problem:
        return [Finding("archive", None, problem.file, problem.problem)]
    layout = manifest.layout
    present = _walk(root, layout)  # before the records: what a writer does meanwhile is then known to them
    findings = verify_metadata(root, layout)
    expected = {MANIFEST_FILE, *metadata_files(layout)}
    committed_as: dict[str, str] = {}
    for future in range(layout.num_futures):
        chain = read_chain(root, layout, manifest.chain_root, future)
        findings += chain.findings
        expected |= _expected_files(layout, future, chain)
        for record in filter(None, chain.records):
            findings += verify_window(root, layout, record) if read_data else _verify_sizes(root, record)
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


def _walk(root: Path, layout: ArchiveLayout) -> dict[str, str]:
    """Path -> kind of everything in the archive but its own folders; follows no link, enters no other folder."""
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
                else:
                    present[path] = _kind(entry)
    return present


def _kind(entry: os.DirEntry) -> str:
    if entry.is_symlink():
        return "symbolic link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "special file"


def _expected_files(layout: ArchiveLayout, future: int, chain: Chain) -> set[str]:
    """What may stand in a future's folder: all of its recorded windows, and what a killed commit leaves of the next."""
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


def _verify_sizes(root: Path, record: CommitRecord) -> list[Finding]:
    findings = []
    for file, (size, _) in record.chunks.items():
        try:
            status = os.lstat(root / rollout_folder(record.future) / file)
        except OSError:
            findings.append(chunk_finding(record, file, "the file is missing"))
            continue
        if not stat.S_ISREG(status.st_mode):
            findings.append(chunk_finding(record, file, "is not a regular file"))
        elif status.st_size != size:
            findings.append(chunk_finding(record, file, f"holds {status.st_size} bytes, {size} were committed"))
    return findings


def _with_origin(root: Path, layout: ArchiveLayout, finding: Finding, committed_as: dict[str, str]) -> Finding:
    """Say whose bytes a damaged chunk holds, where they are those of another one (swapped or copied)."""
    try:
        content = read_file(root, finding.file, max_chunk_bytes(layout))
    except FileProblem:
        return finding
    origin = committed_as.get(sha256(content), finding.file)
    if origin == finding.file:
        return finding
    return dataclasses.replace(finding, message=f"{finding.message}; it holds the bytes of {origin}")
