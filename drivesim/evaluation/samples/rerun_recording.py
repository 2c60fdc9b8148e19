"""A future of an archive as a Rerun recording: frames, requested and detected boxes, and the ego, on one timeline."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drivesim import durable
from drivesim.archive import Archive
from drivesim.archive.reader import Rollout
from drivesim.detection.detections import Detections
from drivesim.errors import ArchiveWriteError, MissingExtraError
from drivesim.rollout.archived import archived_scenario
from drivesim.scenario.previews.drawing import CATEGORY_COLOURS
from drivesim.scenario.schema.vocabulary import CATEGORIES

if TYPE_CHECKING:
    import rerun

TIMELINE = "time"
FRAME, REQUESTED, DETECTED = "camera/frame", "camera/frame/requested", "camera/frame/detected"
EGO_SPEED, EGO_YAW_RATE, EGO_POSITION = "ego/speed_mps", "ego/yaw_rate_rad_per_s", "road/ego"
_JPEG_QUALITY = 95


def write_rerun(
    archive: Archive,
    rollout: Rollout,
    detect: Callable[[np.ndarray], list[Detections]],
    path: Path,
    frames: Iterable[np.ndarray] | None = None,
) -> None:
    """Writes the committed frames of a future, with everything known about them, as a `.rrd` file.

    Boxes are in pixels of the frame. Requested boxes are cleared where the scenario does not say them any more: without
    steered actors they are known for the first frame only.

    Args:
        archive: the archive.
        rollout: the future.
        detect: finds the vehicles in frames `t h w c`.
        path: the file to write; it is whole or what it was before.
        frames: the frames of the future, by default read from it; a caller can follow them.

    Raises:
        MissingExtraError: rerun-sdk is not installed.
        InputError: the archive was not made by a rollout, or the folder cannot be made.
        ArchiveWriteError: the file cannot be written.
    """
    try:
        import rerun
    except ImportError as error:
        raise MissingExtraError(f"--format rerun needs rerun-sdk ({error}): pip install 'drivesim[export]'") from error
    scenario, fps = archived_scenario(archive), archive.layout.fps
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.unwritable(path.parent, error) from error
    identity = f"{archive.manifest.identity}-{rollout.future}"
    recording = rerun.RecordingStream("drivesim", recording_id=identity, send_properties=False)
    recording.set_log_time_enabled(False)
    recording.set_log_tick_enabled(False)
    ego = scenario.ego_trajectory
    height, width, _ = archive.layout.frame_shape
    extent = np.array([width, height, width, height])
    try:
        recording.save(temporary)
        for number, frame in enumerate(rollout.frames if frames is None else frames):
            time_s = number / fps
            recording.set_time(TIMELINE, duration=time_s)
            recording.log(FRAME, rerun.Image(frame).compress(jpeg_quality=_JPEG_QUALITY))
            layout = scenario.layout_at(time_s)
            recording.log(REQUESTED, _boxes(rerun, layout.xyxy * extent, layout.category) if layout else _none(rerun))
            found = detect(frame[None])[0]
            recording.log(DETECTED, _boxes(rerun, found.xyxy * extent, found.category, found.score))
            pose, moment = ego.at(np.array([time_s])), np.array([time_s])
            recording.log(EGO_SPEED, rerun.Scalars(float(pose.speed_mps[0])))
            recording.log(EGO_YAW_RATE, rerun.Scalars(float(ego.yaw_rate(moment)[0])))
            recording.log(EGO_POSITION, rerun.Points2D(pose.position_m))
        recording.flush()
        recording.disconnect()
        os.replace(temporary, path)
    except OSError as error:
        raise ArchiveWriteError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _none(module: Any) -> rerun.Clear:
    clear: rerun.Clear = module.Clear(recursive=False)
    return clear


def _boxes(module: Any, xyxy: np.ndarray, category: np.ndarray, score: np.ndarray | None = None) -> rerun.Boxes2D:
    """Boxes `n 4` in pixels, in the colour of their category; detections have their score in the label."""
    names = [CATEGORIES[index] for index in category]
    labels = names if score is None else [f"{name} {value:.2f}" for name, value in zip(names, score, strict=True)]
    boxes: rerun.Boxes2D = module.Boxes2D(
        array=xyxy.reshape(-1, 4),
        array_format=module.Box2DFormat.XYXY,
        labels=labels,
        colors=[CATEGORY_COLOURS[name] for name in names],
        radii=1.0 if score is None else 0.5,
    )
    return boxes
