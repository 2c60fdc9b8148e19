"""How much the futures of one scene differ, between the floor of one seed and the ceiling of other scenes.

Frames of the same time are compared by the shift-tolerant perceptual distance. The ceiling is the distance of futures
of different scenes with the same time of day, which nothing but chance relates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.reconstruction import perceptual_distances
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.videos import Video
from drivesim.training.losses.perceptual import PerceptualDistance

ONE_SEED, ONE_SCENE, OTHER_SCENES = "one seed, sampled twice", "futures of one scene", "other scenes"
_MOST_MOMENTS = 8
_MEASURE = "mean shift-tolerant perceptual distance of frames of the same time, pairs of videos, bootstrap over scenes"


def diversity_figures(
    made: Sequence[Video],
    repeated: Sequence[Video],
    protocol: Protocol,
    device: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures the distances of pairs of futures, on average and by the time since the first frame.

    Args:
        made: Futures, of which some scenes have several.
        repeated: Some of the futures, sampled once more from the same seed.
        protocol: The protocol without measure and network.
        device: Device of the network.
        on_progress: Is called with the progress of the work.
    """
    pairs = pairs_of(made, repeated)
    perceptual = PerceptualDistance().to(device)
    protocol = replace(protocol, measure=_MEASURE, network="st-lpips-alex", network_sha256=None, resize="none")
    total, done = sum(map(len, pairs.values())), 0
    for group, members in pairs.items():
        by_pair: dict[str, list[np.ndarray]] = defaultdict(list)
        moments: list[float] = []
        for scene, one, two in members:
            moments, distances = _distances(perceptual, one, two, device)
            by_pair[scene].append(distances)
            done += 1
            on_progress("comparing futures", done, total)
        if not by_pair:
            continue
        shortest = min(len(row) for rows in by_pair.values() for row in rows)
        scenes = np.array([np.mean([row[:shortest] for row in rows], 0) for rows in by_pair.values()])
        yield mean_figure("pair_distance", group, scenes.mean(1), protocol)
        for place in range(shortest):
            yield mean_figure("pair_distance", f"{group}, after {moments[place]:g} s", scenes[:, place], protocol)


def pairs_of(made: Sequence[Video], repeated: Sequence[Video]) -> dict[str, list[tuple[str, Video, Video]]]:
    """Returns the pairs of videos that are compared, each with its scene, by the name of the group.

    Args:
        made: Futures, of which some scenes have several.
        repeated: Some of the futures, sampled once more from the same seed.
    """
    by_scene: dict[str, list[Video]] = defaultdict(list)
    for video in made:
        by_scene[video.scene].append(video)
    pairs: dict[str, list[tuple[str, Video, Video]]] = {ONE_SEED: [], ONE_SCENE: [], OTHER_SCENES: []}
    known = {video.name: video for video in made}
    pairs[ONE_SEED] = [(v.scene, known[v.name], v) for v in repeated if v.name in known]
    for scene, futures in by_scene.items():
        pairs[ONE_SCENE] += [(scene, *pair) for pair in combinations(futures, 2)]
    first = [futures[0] for futures in by_scene.values()]
    pairs[OTHER_SCENES] = [(a.scene, a, b) for a, b in zip(first, first[1:] + first[:1], strict=True) if a is not b]
    return pairs


def _distances(perceptual: PerceptualDistance, one: Video, two: Video, device: str) -> tuple[list[float], np.ndarray]:
    """Moments in seconds, and the distance of the two videos at each of them."""
    shortest = min(len(one.frames), len(two.frames))
    places = np.unique(np.linspace(0, shortest - 1, min(shortest, _MOST_MOMENTS + 1)).round().astype(int))[1:]
    first, second = (np.concatenate([video.frames[p : p + 1] for p in places]) for video in (one, two))
    return [round(float(p / one.fps), 2) for p in places], perceptual_distances(perceptual, first, second, device)
