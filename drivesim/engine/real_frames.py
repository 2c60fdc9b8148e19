"""The pixels of the real frames that a scenario starts from."""

from __future__ import annotations

import itertools

import numpy as np

from drivesim.data.drive_log import DriveLog
from drivesim.errors import InputError
from drivesim.scenario import Scenario, read_picture
from drivesim.scenario.schema.fit import Fit
from drivesim.scenario.schema.real_frame import log_moment

_TOLERANCE_S = 1e-6


def read_real_frame(text: str, fit: Fit | None = None) -> np.ndarray:
    """Reads a picture, fitted as `fit` says, or the frame of a drive log nearest to a moment: uint8 `h w 3`.

    Raises:
        InputError: The picture is missing, damaged or of a wrong shape.
        FootageError: The drive log cannot be read, or has no frame at that time.
    """
    moment = log_moment(text)
    if moment is None:
        return read_picture(text, fit)
    log = DriveLog.open(moment.folder)
    index = log.index_at(moment.time_s)
    return log.read(index, index + 1)[0]


def read_real_frames(scenario: Scenario, keyframe_fps: float) -> list[np.ndarray]:
    """Reads the real frames of a scenario, which are its first keyframes: uint8 `h w 3` each.

    Raises:
        InputError: See `read_real_frame`, or two frames of a drive log are not one keyframe apart.
    """
    _check_distances(scenario, keyframe_fps)
    return [read_real_frame(text, scenario.fit) for text in scenario.real_frames]


def _check_distances(scenario: Scenario, keyframe_fps: float) -> None:
    for first, second in itertools.pairwise(map(log_moment, scenario.real_frames)):
        if first is None or second is None or first.folder != second.folder:
            continue
        expected, found = 1 / keyframe_fps, second.time_s - first.time_s
        tolerance = 0.5 / DriveLog.open(first.folder).labels.fps + _TOLERANCE_S
        if abs(found - expected) > tolerance:
            raise InputError(
                f"{scenario.name}: `context_frames`: these checkpoints have a keyframe every {expected:g} s; "
                f"the two frames of {first.folder} are {found:g} s apart"
            )
