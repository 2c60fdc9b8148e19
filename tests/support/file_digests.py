"""Digests of files, to compare what two runs have written."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digests(folder: Path, pattern: str = "**/*") -> dict[str, str]:
    """Returns relative path -> sha256 of every file below a folder that matches a pattern."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }
