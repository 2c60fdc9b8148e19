"""Real frames that a scenario starts from: pictures, and moments of drive logs such as `logs/drive_4~000@12.5`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.regular_files import sha256_of
from drivesim.scenario.schema.fit import Fit
from drivesim.scenario.schema.picture import picture_sha256, read_picture

_MOMENT = re.compile(r"(?P<folder>.+)@(?P<time_s>\d{1,6}(?:\.\d{1,9})?)", re.DOTALL)
_LOG_FILES = ("labels.json", "video.mp4")


@dataclass(frozen=True)
class LogMoment:
    """A frame of a drive log, given by the folder of the log and a time in seconds from its start."""

    folder: Path
    time_s: float


def log_moment(text: str) -> LogMoment | None:
    """Returns the moment that `FOLDER@SECONDS` stands for, or None for the path of a picture."""
    match = _MOMENT.fullmatch(text)
    return None if match is None else LogMoment(Path(match["folder"]), float(match["time_s"]))


def check_real_frame(text: str, fit: Fit | None) -> None:
    """Checks that a picture can be read, fitted as `fit` says, or that a drive log is there.

    Raises:
        InputError: The picture cannot be used, or the folder is no drive log.
    """
    moment = log_moment(text)
    if moment is None:
        read_picture(text, fit)
        return
    for name in _LOG_FILES:
        try:
            found = (moment.folder / name).is_file()
        except OSError as error:
            raise InputError(f"{moment.folder}: cannot be read: {error.strerror}") from None
        if not found:
            raise InputError(f"{moment.folder}: expected a drive log, a folder with {' and '.join(_LOG_FILES)}")


def real_frame_sha256(text: str) -> str:
    """Returns a digest of what a frame follows from: the file of a picture, or the video and time of a moment.

    Raises:
        InputError: The file cannot be read.
    """
    moment = log_moment(text)
    if moment is None:
        return picture_sha256(text)
    video = moment.folder / "video.mp4"
    try:
        content = sha256_of(video)
    except OSError as error:
        raise InputError(f"{video}: cannot be read: {error.strerror}") from error
    return hashlib.sha256(f"{content} {moment.time_s!r}".encode()).hexdigest()
