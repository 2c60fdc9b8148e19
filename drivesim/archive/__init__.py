"""Archives of rollouts: a Zarr v3 group a scenario, a commit record a window; no torch."""

from __future__ import annotations

from drivesim.archive.check import Finding, check_archive
from drivesim.archive.comparison import WindowDifference, compare_archives
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.reader import Archive, open_archive
from drivesim.archive.writer import ArchiveWriter

__all__ = [
    "Archive",
    "ArchiveLayout",
    "ArchiveWriter",
    "Finding",
    "WindowDifference",
    "check_archive",
    "compare_archives",
    "open_archive",
]
