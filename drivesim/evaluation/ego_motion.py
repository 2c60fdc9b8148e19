"""Whether the camera moves as requested: speed and yaw rate, estimated from the video by visual odometry.

Odometry errs on recorded footage as well, so its figures on drive logs with known ego motion stand beside those of the
archives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivesim.archive import Archive, open_archive
from drivesim.archive.reader import Rollout
from drivesim.data.drive_log import DriveLog
from drivesim.data.ingest.labels.odometry import Odometry
from drivesim.errors import InputError
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.geometry.camera import PinholeCamera
from drivesim.rollout.archived import archived_scenario
from drivesim.scenario import Scenario
from drivesim.scenario.schema.road import Camera

MADE, REAL = "ego of the archives", "ego of recorded logs"
_MEASURES = {
    "known": "part of the frames for which visual odometry gives an estimate",
    "error": "mean absolute difference of estimated and requested motion",
    "followed": "estimated motion per requested motion, least squares through the origin: 1 follows, 0 ignores",
}


@dataclass(frozen=True, eq=False)
class EgoMotionTrack:
    """The motion of the ego in one video.

    Attributes:
        fps: Frames per second.
        asked: Requested or known speed in m/s and yaw rate in rad/s of each frame, `t 2`.
        estimated: The same, estimated from the frames; NaN where there is no estimate.
    """

    fps: float
    asked: np.ndarray
    estimated: np.ndarray

    @property
    def second(self) -> np.ndarray:
        """The second that each frame lies in, `t`."""
        seconds: np.ndarray = (np.arange(len(self.asked)) / self.fps).astype(int)
        return seconds


def asks_for_ego_motion(scenario: Scenario) -> bool:
    """Returns whether the models are conditioned on the motion of the ego."""
    return scenario.ego is not None or (scenario.scene is not None and scenario.scene.steered)


def archived_tracks(archives: Sequence[Path], on_progress: OnProgress) -> list[EgoMotionTrack]:
    """Returns the motion in every future of the archives whose scenarios give the motion of the ego."""
    opened = [open_archive(path) for path in archives]
    futures = [(archive, rollout) for archive in opened for rollout in archive.rollouts]
    tracks = []
    for done, (archive, rollout) in enumerate(futures, 1):
        scenario = archived_scenario(archive)
        if asks_for_ego_motion(scenario):
            tracks.append(_archived_track(scenario, archive, rollout))
        on_progress("estimating ego motion", done, len(futures))
    return tracks


def recorded_tracks(logs: Sequence[Path], on_progress: OnProgress) -> list[EgoMotionTrack]:
    """Returns the motion in drive logs whose camera and ego motion are known; logs of single frames are left out.

    Raises:
        FootageError: A log cannot be read.
    """
    tracks = []
    for done, path in enumerate(logs, 1):
        log = DriveLog.open(path)
        camera = log.labels.pinhole
        asked = np.array([[f.ego_speed_mps, f.ego_yaw_rate_radps] for f in log.labels.frames], float)
        if camera is not None and len(asked) > 5 and np.isfinite(asked).all():
            estimated = estimated_motion(log.stream(), camera, log.labels.fps)
            tracks.append(EgoMotionTrack(log.labels.fps, asked, estimated))
        on_progress("estimating ego motion of logs", done, len(logs))
    return tracks


def ego_motion_protocol(archives: Sequence[Path]) -> Protocol:
    """Returns the protocol of the figures of archives, without the measure.

    Raises:
        InputError: The archives have different frame rates or sizes.
    """
    opened = [open_archive(path) for path in archives]
    layout = opened[0].layout
    if any((one.layout.fps, one.layout.frame_shape) != (layout.fps, layout.frame_shape) for one in opened):
        raise InputError("archives of different frame rates or sizes: measure them one by one")
    return Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=sum(len(one.rollouts) for one in opened),
        num_frames=max(rollout.num_committed_frames for one in opened for rollout in one.rollouts),
        fps=layout.fps,
        height=layout.frame_shape[0],
        width=layout.frame_shape[1],
        resize="area to a width of 512",
        seeds=", ".join(str(one.manifest.inputs["scenario"]["seed"]) for one in opened),
        reference=", ".join(one.provenance["scenario"]["name"] for one in opened),
        settings="monocular visual odometry with the camera of the scenario",
    )


def ego_motion_figures(groups: Mapping[str, Sequence[EgoMotionTrack]], protocol: Protocol) -> Iterator[Figure]:
    """Measures how well estimated motion agrees with requested motion, for each group of videos.

    Args:
        groups: The motion in the videos by the name of their group.
        protocol: The protocol without measure.

    Yields:
        `ego_motion_known`; for speed (m/s) and yaw rate (rad/s) `ego_..._error` and `ego_..._followed`.
    """
    for group, tracks in groups.items():
        if not tracks:
            continue
        block = np.concatenate([_blocks(number, track) for number, track in enumerate(tracks)])
        _, block = np.unique(block, return_inverse=True)
        asked = np.concatenate([track.asked for track in tracks])
        estimated = np.concatenate([track.estimated for track in tracks])
        known = np.isfinite(estimated).all(1)
        yield _ratio("ego_motion_known", group, known.astype(float), np.ones(len(known)), block, protocol, "known")
        for column, name in enumerate(("speed", "yaw_rate")):
            one, two = asked[:, column], np.where(known, estimated[:, column], 0)
            error = np.where(known, np.abs(two - one), 0)
            yield _ratio(f"ego_{name}_error", group, error, known.astype(float), block, protocol, "error")
            products = np.where(known, one * two, 0), np.where(known, one**2, 0)
            yield _ratio(f"ego_{name}_followed", group, *products, block, protocol, "followed")


def estimated_motion(frames: Iterable[np.ndarray], camera: PinholeCamera, fps: float) -> np.ndarray:
    """Returns speed in m/s and yaw rate in rad/s of each of the frames uint8 `h w 3`, NaN without an estimate: `t 2`.

    Args:
        frames: Frames of any size that show all of what the camera sees.
        camera: The camera, in pixels of any size.
        fps: Frames per second.
    """
    odometry = Odometry(camera, fps)
    for frame in frames:
        odometry.add(frame)
    rows = [[np.nan if value is None else value for value in row] for row in odometry.motion()]
    return np.array(rows, float).reshape(-1, 2)


def scenario_camera(scenario: Scenario) -> PinholeCamera:
    """Returns the camera of a scenario, or the usual one."""
    return (scenario.camera or Camera()).pinhole()


def _archived_track(scenario: Scenario, archive: Archive, rollout: Rollout) -> EgoMotionTrack:
    fps = archive.layout.fps
    estimated = estimated_motion(rollout.frames, scenario_camera(scenario), fps)
    times, ego = np.arange(len(rollout.frames)) / fps, scenario.ego_trajectory
    asked = np.stack([ego.at(times).speed_mps, ego.yaw_rate(times)], -1)
    return EgoMotionTrack(fps, asked, estimated)


def _blocks(number: int, track: EgoMotionTrack) -> np.ndarray:
    return number * 1_000_000 + track.second


def _ratio(
    name: str,
    group: str,
    numerator: np.ndarray,
    denominator: np.ndarray,
    block: np.ndarray,
    protocol: Protocol,
    measure: str,
) -> Figure:
    """The ratio of two sums over frames. The bootstrap draws whole seconds, because their frames are similar."""
    _, second = np.unique(block, return_inverse=True)
    above, below = (np.bincount(second, weights=values) for values in (numerator, denominator))
    protocol = replace(protocol, measure=f"{_MEASURES[measure]}, bootstrap over seconds")
    return ratio_figure(name, group, above, below, protocol, count=len(numerator))
