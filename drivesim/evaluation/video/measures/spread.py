"""How much the futures of one scene differ in what matters: where its vehicles go, and how the ego drives.

Vehicles that the futures share are followed from the frames that they have in common; speed and yaw rate of the ego are
estimated by visual odometry. How far vehicles move at all stands beside the first, and how much other scenes differ
beside the second. Odometry errs, so two futures with the same motion do not have exactly the same estimates
(`drivesim evaluate steering` measures its error).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from drivesim.detection.matching import match_boxes
from drivesim.evaluation.ego_motion import estimated_motion
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.diversity import ONE_SCENE, ONE_SEED, pairs_of
from drivesim.evaluation.video.measures.tracks import Follower, Tracks
from drivesim.evaluation.video.sources.videos import Video
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX

_BEGIN_S = 0.3
_EGO = {"speed": "ego_speed_spread_mps", "yaw rate": "ego_yaw_rate_spread_radps"}


@dataclass
class _Sums:
    """Sums of a measure and of how often it is known, by scene and second."""

    of_scene: dict[str, dict[int, np.ndarray]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, scene: str, fps: float, values: np.ndarray) -> None:
        """Adds a value of each frame, NaN where there is none, or those of several vehicles: `t` or `n t`."""
        seconds = self.of_scene[scene]
        known = np.isfinite(values)
        frames = np.arange(values.shape[-1])
        for second in range(int(frames[-1] / fps) + 1 if len(frames) else 0):
            part = (frames / fps).astype(int) == second
            sums = np.array([np.nansum(values[..., part]), known[..., part].sum()])
            seconds[second] = seconds.get(second, np.zeros(2)) + sums

    def figures(self, name: str, group: str, protocol: Protocol) -> Iterator[Figure]:
        """Yields the mean over all frames, and over those of each second."""
        last = max((second for seconds in self.of_scene.values() for second in seconds), default=-1)
        rows = [[seconds.get(s, np.zeros(2)) for s in range(last + 1)] for seconds in self.of_scene.values()]
        if last < 0:
            return
        sums = np.array(rows)
        totals, counts = np.moveaxis(sums, 2, 0)
        yield ratio_figure(name, group, totals.sum(1), counts.sum(1), protocol)
        for second in range(last + 1):
            group_then = f"{group}, second {second + 1}"
            yield ratio_figure(name, group_then, totals[:, second], counts[:, second], protocol)


def spread_figures(
    made: Sequence[Video],
    repeated: Sequence[Video],
    real: Sequence[Video],
    follower: Follower | None,
    protocol: Protocol,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures how much pairs of futures differ, over their whole length and second by second.

    Args:
        made: Futures, of which some scenes have several.
        repeated: Some of the futures, sampled once more from the same seed.
        real: Recorded videos.
        follower: Follows vehicles; None leaves them out.
        protocol: The protocol without measure and network.
        on_progress: Is called with the progress of the work.

    Yields:
        `vehicle_spread_px` of pairs of futures and `vehicle_displacement_px` of made and recorded videos;
        `ego_speed_spread_mps`, `ego_yaw_rate_spread_radps` and `ego_motion_known` of videos whose camera is known.
        Nothing if no scene has two futures.
    """
    if not pairs_of(made, repeated)[ONE_SCENE]:
        return
    if follower is not None:
        yield from _of_vehicles(made, repeated, real, follower, protocol, on_progress)
    yield from _of_ego(made, repeated, real, protocol, on_progress)


def vehicle_distances(one: Tracks, two: Tracks) -> np.ndarray:
    """Returns how far the vehicles that two videos begin with are apart in each frame that shows them in both.

    Returns:
        Mean distance of the corners of their boxes in pixels of 1024x512, NaN where one of them is not seen: `n t`, for
        the shorter of the two videos.
    """
    tracks = [_paths(side, min(one.num_frames, two.num_frames)) for side in (one, two)]
    first, second = (np.array([_first(path) for path in paths]).reshape(-1, 4) for paths in tracks)
    partner = match_boxes(first, second)
    pairs = [(path, tracks[1][place]) for path, place in zip(tracks[0], partner, strict=True) if place >= 0]
    rows = [_corner_distance_px(a, b) for a, b in pairs]
    return np.array(rows).reshape(len(rows), min(one.num_frames, two.num_frames))


def vehicle_displacements(tracks: Tracks) -> np.ndarray:
    """Returns how far the vehicles that a video begins with are from where they were first seen.

    Returns:
        Mean distance of the corners of their boxes in pixels of 1024x512, NaN where they are not seen: `n t`.
    """
    rows = [_corner_distance_px(path, _first(path)[None]) for path in _paths(tracks, tracks.num_frames)]
    return np.array(rows).reshape(len(rows), tracks.num_frames)


def _paths(tracks: Tracks, num_frames: int) -> list[np.ndarray]:
    """The boxes of vehicles that are seen in the first 0.3 s, NaN where they are not: each `t 4`."""
    paths = []
    for track in tracks.vehicles:
        path = np.full((num_frames, 4), np.nan)
        for sighting in track:
            if sighting.frame < num_frames:
                path[sighting.frame] = sighting.found.xyxy
        if np.isfinite(path[: max(1, round(_BEGIN_S * tracks.fps)), 0]).any():
            paths.append(path)
    return paths


def _first(path: np.ndarray) -> np.ndarray:
    """The first known box `4` of a path."""
    box: np.ndarray = path[np.isfinite(path[:, 0])][0]
    return box


def _corner_distance_px(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean distance of the upper left and lower right corners of boxes `t 4` in 0..1: `t`."""
    difference = ((first - second) * FRAME_EXTENT_PX).reshape(-1, 2, 2)
    distance: np.ndarray = np.linalg.norm(difference, axis=-1).mean(-1)
    return distance


def _of_vehicles(
    made: Sequence[Video],
    repeated: Sequence[Video],
    real: Sequence[Video],
    follower: Follower,
    protocol: Protocol,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    total = len(made) + len(repeated) + len(real)
    for done, video in enumerate(chain(made, repeated, real), 1):
        follower(video)
        on_progress("following vehicles of futures", done, total)
    what = "mean distance of the corners of a vehicle's boxes"
    scenes = "px of 1024x512, bootstrap over scenes"
    how = follower.protocol(protocol, f"{what} in two futures that begin with it, at the same time, {scenes}")
    pairs = pairs_of(made, repeated)
    for group in (ONE_SEED, ONE_SCENE):
        sums = _Sums()
        for scene, one, two in pairs[group]:
            sums.add(scene, one.fps, vehicle_distances(follower(one), follower(two)))
        yield from sums.figures("vehicle_spread_px", group, how)
    how = follower.protocol(protocol, f"{what} and its first one, of vehicles that a video begins with, {scenes}")
    for group, videos in (("made", made), ("real", real)):
        sums = _Sums()
        for video in videos:
            sums.add(video.scene, video.fps, vehicle_displacements(follower(video)))
        yield from sums.figures("vehicle_displacement_px", group, how)


def _of_ego(
    made: Sequence[Video], repeated: Sequence[Video], real: Sequence[Video], protocol: Protocol, on_progress: OnProgress
) -> Iterator[Figure]:
    motion: dict[Video, np.ndarray] = {}
    total = len(made) + len(repeated) + len(real)
    for done, video in enumerate(chain(made, repeated, real), 1):
        if video.camera is not None:
            frames = (frame for part in video.parts() for frame in part)
            motion[video] = estimated_motion(frames, video.camera, video.fps)
        on_progress("estimating ego motion", done, total)
    protocol = replace(protocol, resize="area to a width of 512")
    measure = "part of the frames for which visual odometry gives an estimate, bootstrap over scenes"
    for group, videos in (("made", made), ("real", real)):
        sums = _Sums()
        for video in videos:
            if video in motion:
                sums.add(video.scene, video.fps, np.isfinite(motion[video]).all(1).astype(float))
        yield from [*sums.figures("ego_motion_known", group, replace(protocol, measure=measure))][:1]
    for group, pairs in pairs_of(made, repeated).items():
        for column, (what, name) in enumerate(_EGO.items()):
            sums = _Sums()
            for scene, one, two in pairs:
                if one in motion and two in motion:
                    shortest = min(len(motion[one]), len(motion[two]))
                    sums.add(scene, one.fps, np.abs(motion[one][:shortest, column] - motion[two][:shortest, column]))
            measure = f"mean absolute difference of the estimated {what} of two videos at the same time, bootstrap"
            yield from sums.figures(name, group, replace(protocol, measure=f"{measure} over scenes"))
