"""Decoding PNG and JPEG pictures, from files or from a column of a Parquet file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
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


def decoded_files(media: PictureFiles, on_broken: Callable[[str], None]) -> Iterator[SourceFrame]:
    """The frames of a sequence; a picture that is missing or broken goes to `on_broken`, in words, and is left out."""
    for number, (path, time_s) in enumerate(zip(media.paths, media.times_s, strict=True)):
        try:
            pixels = decoded_picture(read_regular(path, MAX_FILE_BYTES), path)
        except FootageError as error:
            on_broken(str(error))
            continue
        yield _source_frame(number, time_s, pixels)


def decoded_rows(media: ParquetPictures, on_broken: Callable[[str], None]) -> Iterator[SourceFrame]:
    """As `decoded_files`, from a Parquet file; one row group of it is in memory at a time."""
    parquet = parquet_library()
    times = dict(zip(media.rows, media.times_s, strict=True))
    try:
        with parquet.ParquetFile(media.path) as file:
            first = 0
            for batch in file.iter_batches(batch_size=16, columns=[media.column]):
                for row, content in enumerate(batch.column(0).to_pylist(), first):
                    if row not in times:
                        continue
                    try:
                        pixels = decoded_picture(content or b"", Path(f"{media.path}, row {row}"))
                    except FootageError as error:
                        on_broken(str(error))
                        continue
                    yield _source_frame(media.rows.index(row), times[row], pixels)
                first += len(batch)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these types
        raise FootageError(f"{media.path}: cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from None


def decoded_picture(content: bytes, path: Path) -> np.ndarray:
    """Pixels uint8 `h w 3` RGB; FootageError for another format, a broken picture, or one that is too large."""
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
    """pyarrow.parquet; MissingExtraError where it is not installed."""
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("Parquet files need pyarrow: pip install 'drivesim[waymo]'") from None


def _source_frame(number: int, time_s: float, pixels: np.ndarray) -> SourceFrame:
    return SourceFrame(number, time_s, sampled(pixels[..., 1]), lambda: pixels)
