"""comma2k19 (Schafer et al., 2018): one-minute segments, each a `video.hevc` with arrays beside it.

`video.hevc` is a bare stream; `global_pose/frame_times` has the time of each frame, in seconds since the device was
started, as all other arrays do. The speed comes from the car's CAN bus. The yaw rate comes from the gyroscope, whose
axes are forward, right, down, so its third value is positive to the right. The arrays are `.npy` files without that
extension.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.recording import EgoMotionTable, Recording, Rejected, SourceCamera, VideoFile
from drivesim.errors import FootageError

_FOCAL_PX, _VERTICAL_CENTRE_PX = 910.0, 437.0
"""Focal length and row of the optical axis of the EON camera, from the data set's own reader, at 1164 × 874 pixels."""
_MAX_BYTES = 256 << 20


def recordings(path: Path) -> Iterator[Recording | Rejected]:
    """Yields one recording per segment at or under `path`."""
    videos = sorted(path.rglob("video.hevc"))
    if not videos:
        raise FootageError(f"{path}: expected comma2k19: folders with video.hevc")
    for video in videos:
        segment = video.parent
        name = "_".join(part.replace("|", "_") for part in segment.resolve().parts[-2:])
        try:
            yield _recording(name, segment)
        except FootageError as error:
            yield Rejected(name, str(error))


def _recording(name: str, segment: Path) -> Recording:
    times = _array(segment / "global_pose" / "frame_times")
    if not np.all(np.diff(times) > 0):
        raise FootageError(f"{segment / 'global_pose' / 'frame_times'}: its times do not ascend")
    media = VideoFile(segment / "video.hevc", tuple(times.tolist()))
    camera = SourceCamera(_FOCAL_PX, _VERTICAL_CENTRE_PX)
    return Recording(name, "comma2k19", media, ego_motion=_motion(segment / "processed_log", times), camera=camera)


def _motion(log: Path, frame_times: np.ndarray) -> EgoMotionTable | None:
    """Returns speed and yaw rate at the times of the frames, from two sensors with different sample times."""
    speed = _at(frame_times, log / "CAN" / "speed", column=0)
    turn_to_the_right = _at(frame_times, log / "IMU" / "gyro", column=2)
    if speed is None and turn_to_the_right is None:
        return None
    unknown = np.full(len(frame_times), np.nan)
    speed = unknown if speed is None else speed
    yaw_rate = unknown if turn_to_the_right is None else -turn_to_the_right
    return EgoMotionTable(tuple(frame_times.tolist()), tuple(speed.tolist()), tuple(yaw_rate.tolist()))


def _at(frame_times: np.ndarray, sensor: Path, column: int) -> np.ndarray | None:
    """Interpolates one column of a sensor linearly; NaN outside its measurements, None without the sensor."""
    if not (sensor / "t").is_file() or not (sensor / "value").is_file():
        return None
    times, values = _array(sensor / "t"), _array(sensor / "value", one_axis=False)
    values = values.reshape(len(values), -1)
    if len(times) != len(values) or column >= values.shape[1]:
        raise FootageError(f"{sensor}: {len(times)} times, but values of shape {values.shape}")
    order = np.argsort(times, kind="stable")
    return np.interp(frame_times, times[order], values[order, column], left=np.nan, right=np.nan)


def _array(path: Path, one_axis: bool = True) -> np.ndarray:
    """Reads the numbers of a `.npy` file; pickled data is refused."""
    try:
        array = np.lib.format.read_array(io.BytesIO(read_regular(path, _MAX_BYTES)), allow_pickle=False)
        array = np.atleast_1d(array.astype(np.float64))
    except (ValueError, TypeError, EOFError, OSError, MemoryError, tokenize.TokenError) as error:
        raise FootageError(f"{path}: no array as expected: {' '.join(str(error).split())[:200]}") from None
    if one_axis:
        array = array.reshape(-1)
    if not len(array) or not np.isfinite(array).all():
        raise FootageError(f"{path}: expected an array of finite numbers")
    return array
