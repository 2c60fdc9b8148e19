"""Archives of rollouts: one Zarr v3 group per scenario, one commit record per window; no torch."""

from __future__ import annotations

from drivesim.archive.check import check_archive
from drivesim.archive.comparison import WindowDifference, compare_archives
from drivesim.archive.format.commit import Finding
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.reader import Archive, archive_store, open_archive
from drivesim.archive.writer import ArchiveWriter

__all__ = [
    "Archive",
    "ArchiveLayout",
    "ArchiveWriter",
    "Finding",
    "WindowDifference",
    "archive_store",
    "check_archive",
    "compare_archives",
    "open_archive",
]
