"""Vehicles that vanish, appear from nowhere, or change category, by tracks of a vehicle detector.

A detector misses vehicles in recorded footage too, so each figure is read beside that of the real videos. Only
vehicles count that a detector should not lose (`tracks`). A vehicle *vanishes* if its track ends while it counts, more
than half a second before the end of the video; it *appears from nowhere* if its track begins while it counts, after the
first half second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.lasting import lasting_figures
from drivesim.evaluation.video.measures.tracks import MIN_SIDE_PX, Follower, Tracks
from drivesim.evaluation.video.sources.videos import Video

_GRACE_S, _LEAST_TRACK_S = 0.5, 0.3

VANISHED, APPEARED, CHANGED = "vanished", "appeared from nowhere", "changed category"


@dataclass(frozen=True)
class Permanence:
    """What happened to the vehicles of a video.

    Attributes:
        vehicle_s: Seconds over which vehicles that count were seen, summed over vehicles.
        events: Number of events by kind.
        vehicles_per_frame: Mean number of detected vehicles.
    """

    vehicle_s: float
    events: dict[str, int]
    vehicles_per_frame: float


def permanence_figures(
    groups: dict[str, Sequence[Video]], follower: Follower, protocol: Protocol, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures events per vehicle and second, for each group of videos, and which vehicles last.

    Args:
        groups: The videos by the name of their group.
        follower: Follows the vehicles.
        protocol: The protocol without measure and network.
        on_progress: Is called with the progress of the work.
    """
    total, done = sum(map(len, groups.values())), 0
    for group, videos in groups.items():
        found = []
        for video in videos:
            found.append(permanence(follower(video)))
            done += 1
            on_progress("following vehicles", done, total)
        seconds = np.array([one.vehicle_s for one in found])
        for kind in (VANISHED, APPEARED, CHANGED):
            events = np.array([one.events[kind] for one in found], float)
            measure = (
                f"vehicles of at least {MIN_SIDE_PX:g} px that {kind}, per vehicle and second, bootstrap over videos"
            )
            name = f"{kind.replace(' ', '_')}_per_vehicle_s"
            how = follower.protocol(protocol, measure)
            yield ratio_figure(name, group, events, seconds, how, count=round(seconds.sum()))
        frames = np.array([len(video.frames) for video in videos], float)
        counts = np.array([one.vehicles_per_frame for one in found]) * frames
        how = follower.protocol(protocol, "detected vehicles per frame, bootstrap over videos")
        yield ratio_figure("vehicles_per_frame", group, counts, frames, how)
    yield from lasting_figures(groups, follower, protocol)


def permanence(tracks: Tracks) -> Permanence:
    """Counts what happened to the vehicles of a video."""
    grace, least = _GRACE_S * tracks.fps, max(2, round(_LEAST_TRACK_S * tracks.fps))
    events, counted = dict.fromkeys((VANISHED, APPEARED, CHANGED), 0), 0
    for track in tracks.vehicles:
        if len(track) < least:
            continue
        first, last = track[0], track[-1]
        counted += sum(sighting.counts for sighting in track)
        events[VANISHED] += last.counts and tracks.num_frames - 1 - last.frame > grace
        events[APPEARED] += first.counts and first.frame > grace
        events[CHANGED] += sum(
            before.found.category != after.found.category and after.counts for before, after in pairwise(track)
        )
    per_frame = sum(map(len, tracks.vehicles)) / tracks.num_frames if tracks.num_frames else 0.0
    return Permanence(counted / tracks.fps, events, per_frame)
