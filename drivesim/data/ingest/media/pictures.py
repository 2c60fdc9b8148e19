"""Decoding of PNG and JPEG pictures from files or from a column of a Parquet file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.media.frames import SourceFrame, sampled
from drivesim.data.ingest.recording import ParquetPictures, PictureFiles
from drivesim.errors import FootageError, InputError, MissingExtraError
from drivesim.scenario.schema.picture import picture_size

EXTENSIONS = (".png", ".jpg", ".jpeg")
MAX_FILE_BYTES = 256 << 20
MAX_PIXELS = 64_000_000


def decoded_files(media: PictureFiles, on_broken: Callable[[str], None]) -> Generator[SourceFrame, None, None]:
    """Yields the frames of a sequence; a missing or broken picture is left out and described to `on_broken`."""
    for number, (path, time_s) in enumerate(zip(media.paths, media.times_s, strict=True)):
        try:
            pixels = decoded_picture(read_regular(path, MAX_FILE_BYTES), path)
        except FootageError as error:
            on_broken(str(error))
            continue
        yield _source_frame(number, time_s, pixels)


def decoded_rows(media: ParquetPictures, on_broken: Callable[[str], None]) -> Generator[SourceFrame, None, None]:
    """Yields frames as `decoded_files` does, from rows of a Parquet file; one row group is in memory at a time."""
    parquet = parquet_library()
    try:
        with parquet.ParquetFile(media.path) as file:
            lengths = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            ends, held, column = np.cumsum(lengths), None, None
            for number, (row, time_s) in enumerate(zip(media.rows, media.times_s, strict=True)):
                group = int(np.searchsorted(ends, row, side="right"))
                if group != held:
                    column = None  # frees the memory of the previous group before the next is read
                    column = file.read_row_group(group, columns=[media.column]).column(0)
                    held = group
                assert column is not None, "the first row has read its group"
                content = column[row - int(ends[group] - lengths[group])].as_py()
                try:
                    pixels = decoded_picture(content or b"", Path(f"{media.path}, row {row}"))
                except FootageError as error:
                    on_broken(str(error))
                    continue
                yield _source_frame(number, time_s, pixels)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:  # pyarrow's errors are of these types
        raise FootageError(f"{media.path}: cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from None


def decoded_picture(content: bytes, path: Path) -> np.ndarray:
    """Returns the pixels of a picture, uint8 `h w 3` RGB.

    Raises:
        FootageError: The picture has another format, is broken, or is too large.
    """
    try:
        width, height = picture_size(content, path)
    except InputError as error:
        raise FootageError(str(error)) from None
    if width * height > MAX_PIXELS:
        raise FootageError(f"{path}: {width}×{height} pixels; at most {MAX_PIXELS:,} pixels are read")
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise FootageError(f"{path}: the picture is broken and cannot be decoded")
    return pixels


def parquet_library() -> ModuleType:
    """Returns pyarrow.parquet; raises MissingExtraError if it is not installed."""
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("Parquet files need pyarrow: pip install 'drivesim[waymo]'") from None


def _source_frame(number: int, time_s: float, pixels: np.ndarray) -> SourceFrame:
    return SourceFrame(number, time_s, sampled(pixels[..., 1]), lambda: pixels)
