"""Whether the vehicles of the first frames are still there after 3 seconds, beside those of recorded videos.

No box holds the vehicles of a sampled future after its known frames, so that only the video model can keep them.
Vehicles that leave by an edge of the frame or go behind another vehicle have no part in it. A detector loses vehicles
in recorded videos too, and joins tracks wrongly, so the figure that counts is that of made videos relative to recorded
ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.video.measures.tracks import MIN_SIDE_PX, Follower, Sighting, Tracks, away_from_edges
from drivesim.evaluation.video.sources.videos import Video

AFTER_S = 3.0
_BEGIN_S, _SLACK_S = 0.5, 0.3
_LEAST_SIGHTINGS = 2
"""A vehicle that is seen less often in the first half second is probably none."""
_MADE, _REAL = "made", "real"


@dataclass(frozen=True)
class Lasting:
    """The vehicles that a video begins with and that neither leave nor hide.

    Attributes:
        vehicles: Their number.
        tracked: The number of those whose track lasts for 3 seconds.
    """

    vehicles: int
    tracked: int


def lasting(tracks: Tracks) -> Lasting:
    """Follows the vehicles of the first half second; a track lasts if it ends no more than 0.3 s before 3 s."""
    vehicles = tracked = 0
    for track in tracks.vehicles:
        begin = [sighting for sighting in track if sighting.frame < _BEGIN_S * tracks.fps]
        if len(begin) < _LEAST_SIGHTINGS or not any(sighting.counts for sighting in begin):
            continue
        lasts = track[-1].frame >= (AFTER_S - _SLACK_S) * tracks.fps
        if lasts or not _goes_out_of_sight(track):
            vehicles += 1
            tracked += lasts
    return Lasting(vehicles, tracked)


def _goes_out_of_sight(track: Sequence[Sighting]) -> bool:
    """Whether a vehicle leaves or hides where its track ends, if it goes on moving as it did."""
    before, last = (sighting.found.xyxy for sighting in track[-2:])
    return not track[-1].in_full_view or not away_from_edges(2 * last - before)


def lasting_figures(groups: dict[str, Sequence[Video]], follower: Follower, protocol: Protocol) -> Iterator[Figure]:
    """Measures the vehicles that last, in those videos that do.

    Args:
        groups: The videos by the name of their group.
        follower: Follows the vehicles.
        protocol: The protocol without measure and network.

    Yields:
        `tracked_after_3s` of each group, and `tracked_after_3s_relative`, the ratio of made to recorded videos.
    """
    what = f"vehicles of at least {MIN_SIDE_PX:g} px in the first {_BEGIN_S:g} s that neither leave nor hide"
    measure = f"part of the {what} whose track lasts for {AFTER_S:g} s"
    by_scene: dict[str, dict[str, np.ndarray]] = {}
    for group, videos in groups.items():
        long = [video for video in videos if len(video.frames) >= AFTER_S * video.fps]
        found = [lasting(follower(video)) for video in long]
        counts = np.array([(one.tracked, one.vehicles) for one in found], float).reshape(-1, 2)
        if long:
            how = follower.protocol(protocol, f"{measure}, bootstrap over videos")
            yield ratio_figure("tracked_after_3s", group, counts[:, 0], counts[:, 1], how)
        by_scene[group] = {}
        for video, row in zip(long, counts, strict=True):
            by_scene[group][video.scene] = by_scene[group].get(video.scene, 0) + row
    if by_scene.get(_MADE) and by_scene.get(_REAL):
        how = follower.protocol(protocol, f"{measure}, made over recorded videos, bootstrap over scenes")
        yield _relative(by_scene[_MADE], by_scene[_REAL], how)


def _relative(made: dict[str, np.ndarray], real: dict[str, np.ndarray], protocol: Protocol) -> Figure:
    """The ratio of two fractions. Scenes are drawn for both sides at once, because videos of one scene are alike."""
    name, scenes = "tracked_after_3s_relative", sorted({*made, *real})
    sides = np.array([[side.get(scene, np.zeros(2)) for scene in scenes] for side in (made, real)])

    def ratio(weight: np.ndarray) -> float:
        (kept, total), (kept_real, total_real) = np.einsum("s,gsc->gc", weight, sides)
        return float(kept / total / (kept_real / total_real)) if total and kept_real else float("nan")

    value, count = ratio(np.ones(len(scenes))), int(sides[0, :, 1].sum())
    if not np.isfinite(value):
        return Figure(name, "made to real", None, None, None, 0, protocol)
    return Figure(name, "made to real", value, *bootstrap_interval(ratio, [len(scenes)]), count, protocol)
