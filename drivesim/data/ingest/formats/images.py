"""Sequences of pictures: a folder of PNG or JPEG files, or a folder of such folders.

Times come from a table `times.csv` (columns `file` and `time_s` or `t_ns`) in the folder, or from file names that are
numbers: seconds (`12.350.png`), or large numbers of milli-, micro- or nanoseconds since 1970. Frame numbers are not
times; pictures that have only these need `--source-fps`.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.media.pictures import EXTENSIONS
from drivesim.data.ingest.recording import PictureFiles, Recording, Rejected
from drivesim.errors import FootageError

TABLE_FILE = "times.csv"
_MAX_TABLE_BYTES = 64 << 20
_EPOCH_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""Smallest number that is read as a time since 1970 in a unit, and that unit in seconds."""


def recordings(path: Path, source_fps: float | None = None) -> Iterator[Recording | Rejected]:
    """Yields one recording per folder of pictures at or under `path`.

    Raises:
        FootageError: There are no pictures.
    """
    found = False
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        pictures = [Path(parent, n) for n in names if Path(n).suffix.lower() in EXTENSIONS and not n.startswith(".")]
        if not pictures:
            continue
        found = True
        folder = Path(parent)
        name = folder.relative_to(path).as_posix().replace("/", "_") if folder != path else path.resolve().name
        try:
            paths, times = _timed(folder, pictures, source_fps)
        except FootageError as error:
            yield Rejected(name, str(error))
            continue
        yield Recording(name, "images", PictureFiles(paths, times))
    if not found:
        raise FootageError(f"{path}: no pictures here ({', '.join(EXTENSIONS)})")


def _timed(folder: Path, pictures: list[Path], source_fps: float | None) -> tuple[tuple[Path, ...], tuple[float, ...]]:
    """Returns pictures and their times, in the order of the times."""
    if (folder / TABLE_FILE).is_file():
        times = _read_times(folder / TABLE_FILE)
        timed = [(times[path.name], path) for path in pictures if path.name in times]
        if not timed:
            raise FootageError(f"{folder / TABLE_FILE}: names none of the pictures beside it")
    else:
        numbers = [_number_in(path) for path in pictures]
        timed = sorted(zip(map(float, numbers), pictures, strict=True))
        if source_fps is not None:
            timed = [(number / source_fps, path) for number, path in timed]
        else:
            unit = next((unit for least, unit in _EPOCH_UNITS if timed[0][0] >= least), None)
            if unit is not None:
                first = int(_number_in(timed[0][1]).partition(".")[0])
                timed = [((int(_number_in(path).partition(".")[0]) - first) * unit, path) for _, path in timed]
            elif not any("." in number for number in numbers):
                raise FootageError(f"{folder}: its pictures have numbers, but no times; give --source-fps")
    timed.sort()
    return tuple(path for _, path in timed), tuple(time for time, _ in timed)


def _number_in(path: Path) -> str:
    """Returns the last number in the name of a picture, with its decimals; raises FootageError if there is none."""
    numbers = re.findall(r"\d+(?:\.\d+)?", path.name[: -len(path.suffix)])
    if not numbers:
        raise FootageError(f"{path}: its name holds no number; give the times in {TABLE_FILE} beside it")
    return numbers[-1]


def _read_times(table: Path) -> dict[str, float]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_regular(table, _MAX_TABLE_BYTES).decode("utf-8-sig"))))
        if not rows or "file" not in rows[0] or not {"time_s", "t_ns"} & set(rows[0]):
            raise FootageError(f"{table}: expected the columns `file` and `time_s` or `t_ns`")
        if "t_ns" in rows[0]:
            first = int(rows[0]["t_ns"])
            return {row["file"]: (int(row["t_ns"]) - first) * 1e-9 for row in rows}
        return {row["file"]: float(row["time_s"]) for row in rows}
    except (UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        raise FootageError(f"{table}: no table of times as expected: {error}") from None
