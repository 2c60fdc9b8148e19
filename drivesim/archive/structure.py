"""The metadata documents of an archive: each must be, byte for byte, what its layout implies."""

from __future__ import annotations

from pathlib import Path

from drivesim.archive.commit import Finding
from drivesim.archive.files import FileProblem, read_file
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.zarr_format import metadata_files
from drivesim.errors import ArchiveError

_MAX_DOCUMENT_BYTES = 2**20


def verify_metadata(archive: Path, layout: ArchiveLayout) -> list[Finding]:
    """What is wrong with the `zarr.json` files; reads at most a mebibyte each and believes nothing in them."""
    findings = []
    for file, expected in metadata_files(layout).items():
        try:
            if read_file(archive, file, _MAX_DOCUMENT_BYTES) != expected:
                raise FileProblem(file, "was changed: it is not the metadata of this archive's layout")
        except FileProblem as problem:
            array = file.rpartition("/")[0] or "archive"
            findings.append(Finding(array, None, file, problem.problem))
    return findings


def require_sound_metadata(archive: Path, layout: ArchiveLayout) -> None:
    """Raise ArchiveError naming the first metadata document that is missing or changed."""
    if findings := verify_metadata(archive, layout):
        raise ArchiveError(f"{archive}: {findings[0]}")
