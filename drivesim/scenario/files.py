"""Finds scenario files in folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from drivesim.errors import InputError

ENDINGS = (".yaml", ".yml")


def scenario_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the paths of files as they are, and for each folder all scenario files below it, in order.

    Hidden files and folders, such as the copies that editors and file managers make, are no scenarios of a folder.

    Raises:
        InputError: A folder holds no scenario files.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS and not _is_hidden(file, path))
        files = [file for file in found if file.is_file()]
        if not files:
            raise InputError(f"{path}: holds no scenario files ({', '.join(ENDINGS)})")
        yield from files


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
