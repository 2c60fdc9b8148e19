"""Verify the metadata documents of an archive: each must be, byte for byte, what was written."""

from __future__ import annotations

from collections.abc import Iterator

from drivesim.archive.files import ArchiveFiles, FileProblem
from drivesim.archive.format.commit import Finding
from drivesim.archive.format.documents import GROUP, document_kinds
from drivesim.archive.format.identity import Manifest
from drivesim.archive.format.names import METADATA_FILE
from drivesim.archive.sealed_json import parse_json, sha256
from drivesim.errors import ArchiveError

_MAX_DOCUMENT_BYTES = 2**20
_MAX_CONSOLIDATED_BYTES = 2**13  # for each future
_CONSOLIDATED = {"kind": "inline", "must_understand": False, "metadata": None}  # its entries apart


def verify_metadata(files: ArchiveFiles, manifest: Manifest) -> Iterator[Finding]:
    """Yields what is wrong with the `zarr.json` files; reads a bounded number of bytes and believes nothing in them.

    A group may hold consolidated metadata, as a new archive and `zarr.consolidate_metadata` write it, if that repeats
    the documents.
    """
    kinds, digests = document_kinds(manifest.layout), manifest.document_digests
    sound: dict[str, object] = {}
    consolidated: dict[str, dict[str, object]] = {}
    for file, kind in sorted(kinds.items(), key=lambda entry: entry[1] == GROUP):
        limit = _MAX_DOCUMENT_BYTES + (kind == GROUP) * _MAX_CONSOLIDATED_BYTES * manifest.layout.num_futures
        try:
            content = files.read(file, limit)
            if sha256(content) != digests[kind]:
                consolidated[file] = _consolidated_group(file, content)
            elif kind not in sound:
                sound[kind] = _plain(parse_json(content))
        except FileProblem as problem:
            yield _finding(file, problem.problem)
    sound.setdefault(GROUP, {"zarr_format": 3, "node_type": "group", "attributes": {}})
    for file, entries in consolidated.items():
        folder = file.removesuffix(METADATA_FILE)
        for path, entry in entries.items():
            described = kinds.get(f"{folder}{path}/{METADATA_FILE}")
            if described is None or (described in sound and _plain(entry) != sound[described]):
                yield _finding(file, f"its consolidated metadata says something else of {path} than its own document")


def require_sound_metadata(files: ArchiveFiles, manifest: Manifest) -> None:
    """Raises ArchiveError naming the first metadata document that is missing or changed."""
    for finding in verify_metadata(files, manifest):
        raise ArchiveError(f"{files.name}: {finding}")


def _consolidated_group(file: str, content: bytes) -> dict[str, object]:
    """Returns the consolidated metadata of a group's document; FileProblem where anything else was changed in it."""
    changed = FileProblem(file, "was changed: it is not the document that was written")
    if content != content.strip():  # zarr writes nothing around a document
        raise changed
    try:
        document = parse_json(content)
    except ValueError:
        raise changed from None
    if not isinstance(document, dict) or _plain(document) != {"zarr_format": 3, "node_type": "group", "attributes": {}}:
        raise changed
    consolidated = document.get("consolidated_metadata")
    if not isinstance(consolidated, dict) or {**consolidated, "metadata": None} != _CONSOLIDATED:
        raise changed
    entries = consolidated.get("metadata")
    if not isinstance(entries, dict):
        raise changed
    return entries


def _plain(document: object) -> object:
    """Returns a document without what zarr adds to it when it consolidates metadata."""
    if not isinstance(document, dict):
        return document
    added = ("consolidated_metadata", "storage_transformers")
    return {name: value for name, value in document.items() if name not in added or (name == added[1] and value)}


def _finding(file: str, message: str) -> Finding:
    return Finding(file.rpartition("/")[0] or "archive", None, file, message)
