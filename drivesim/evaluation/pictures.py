"""How far composed frames are from real ones, compared with real against real frames and with known damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from drivesim.distances import KernelDistance, frechet_distance
from drivesim.engine import Engine
from drivesim.errors import FootageError
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.metrics.corruptions import ladder
from drivesim.evaluation.metrics.features import FeatureNetwork, features_of
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.evaluation.video.measures.distance import Features, distance_ratio_figure

_FRECHET_RESAMPLES = 30
_KERNEL_RESAMPLES = 500
_UNIT = "blur 1"
"""The damage whose distance is the unit of `frechet_in_blurs`."""


def picture_figures(
    engine: Engine,
    footage: MeasuredFootage,
    network: FeatureNetwork,
    condition_names: tuple[str, ...],
    sampling: FrameSampling,
    seed: int,
    device: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures distances to one half of the footage.

    They are of frames composed under the conditions of the other half, of that half itself (`real`), and of that half
    with known damage. A perfect model reaches the figures of `real`: its frames are as far from the reference as other
    footage is. `frechet_in_blurs` is the Fréchet distance in multiples of that of the other half blurred by 1 pixel.

    Raises:
        FootageError: One of the halves has fewer than two frames.
    """
    reference, asked = footage.half(0), footage.half(1)
    if min(len(reference), len(asked)) < 2:
        raise FootageError("distances need at least two frames in each half of the logs; give more footage")
    made = composed_frames(engine, asked.conditions(condition_names), len(asked), sampling, on_progress)
    kinds = {"composed": made, "real": asked.frames} | {rung.name: rung.apply(asked.frames) for rung in ladder()}
    known = features_of(network, reference.frames, device)
    height, width = asked.frames.shape[1:3]
    protocol = Protocol(
        measure="",
        network=network.name,
        network_sha256=network.sha256,
        num_samples=len(asked),
        num_frames=1,
        fps=None,
        height=height,
        width=width,
        resize=network.resize,
        seeds=f"samples {sampling.seeds(len(asked))}, reference {seed}",
        reference=f"{reference.identity} ({len(reference)} frames) against {asked.identity}",
        settings=sampling.protocol(condition_names),
    )
    found: dict[str, np.ndarray] = {}
    for done, (group, frames) in enumerate(kinds.items(), 1):
        found[group] = features_of(network, frames, device)
        yield from distance_figures(group, known, found[group], protocol)
        on_progress("measuring distances", done, len(kinds))
    for group in ("composed", "real"):
        yield blurs_figure(group, known, found[group], found[_UNIT], protocol)


def blurs_figure(
    group: str, known: np.ndarray, features: np.ndarray, of_blurred: np.ndarray, protocol: Protocol
) -> Figure:
    """Returns the Fréchet distance of features `n d` to those of the reference `m d`, over that of blurred frames.

    Args:
        group: What the frames are.
        known: Features of the reference.
        features: Features of the frames.
        of_blurred: Features `n d` of blurred real frames, each of the same scene as the frame of that place.
        protocol: The protocol without measure.
    """
    reference, first, second = (Features.joined([*rows[:, None]]) for rows in (known, features, of_blurred))
    measure = f"squared Fréchet distance over that of {_UNIT} of the same scenes, centred bootstrap over frames"
    how = replace(protocol, measure=measure)
    return distance_ratio_figure("frechet_in_blurs", group, reference, first, second, how, _FRECHET_RESAMPLES)


def distance_figures(group: str, known: np.ndarray, features: np.ndarray, protocol: Protocol) -> Iterator[Figure]:
    """Measures the Fréchet and the kernel distance of features `n d` to those of the reference `m d`."""
    sizes = [len(known), len(features)]

    def frechet(first: np.ndarray, second: np.ndarray) -> float:
        return frechet_distance(known, features, first, second)

    name = "fid" if protocol.network == "inception-v3-fid" else "frechet_distance"
    value = frechet_distance(known, features)
    low, high = bootstrap_interval(frechet, sizes, _FRECHET_RESAMPLES, centred=True)
    measure = "squared Fréchet distance of Gaussians, centred bootstrap over frames"
    yield Figure(name, group, value, low, high, sizes[1], replace(protocol, measure=measure))

    kernel = KernelDistance(known, features)

    def kernel_x1000(first: np.ndarray, second: np.ndarray) -> float:
        return 1000 * kernel(first, second)

    low, high = bootstrap_interval(kernel_x1000, sizes, _KERNEL_RESAMPLES)
    measure = "1000 times the unbiased squared MMD, kernel (x·y/d + 1)³, bootstrap over frames"
    figure = replace(protocol, measure=measure)
    yield Figure("kernel_distance_x1000", group, 1000 * kernel(), low, high, sizes[1], figure)
