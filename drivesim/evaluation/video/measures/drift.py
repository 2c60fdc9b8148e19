"""Drift: whether the frames of a long video stay as far from recorded ones as its first frames were.

Each window of a video is compared with recorded frames on its own. The kernel distance has no bias, so windows of few
frames compare; brightness, contrast and sharpness say what drifts. The slope over the windows after the first ten
answers whether the curve is flat within its noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from drivesim.distances import KernelDistance
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.metrics.features import FeatureNetwork, features_of
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.videos import Video

SETTLED_FROM = 10
"""The slope is measured from this window on, counted from 0."""

_MEASURES = {
    "kernel_distance_x1000": "1000 times the unbiased squared MMD of the frames of a window to recorded frames",
    "brightness": "mean of all pixels, 0..255",
    "contrast": "standard deviation of the grey pixels of a frame",
    "sharpness": "mean absolute Laplacian of the grey pixels of a frame",
}


def drift_figures(
    made: Sequence[Video],
    reference: Sequence[Video],
    network: FeatureNetwork,
    window_s: float,
    protocol: Protocol,
    device: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures each window of the videos, and how fast the measures change from window to window.

    Args:
        made: Videos of the models.
        reference: Recorded videos.
        network: Maps frames to features.
        window_s: Length of a window in seconds.
        protocol: The protocol without measure and network.
        device: Device of the network.
        on_progress: Is called with the progress of the work.

    Yields:
        A figure for each measure and window, named `window N`, for the recorded videos (`real`), and for `slope from
        window 10 on`, the change per 100 windows.
    """
    known = features_of(network, np.concatenate([_thinned(video) for video in reference]), device)
    halves = known[::2], known[1::2]
    looks = np.array([look for video in reference for look in _looks(_thinned(video))])
    protocols = {name: replace(protocol, measure=f"{text}, bootstrap over videos") for name, text in _MEASURES.items()}
    first = next(iter(_MEASURES))
    protocols[first] = replace(
        protocols[first], network=network.name, network_sha256=network.sha256, resize=network.resize
    )
    yield Figure(first, "real", 1000 * KernelDistance(*halves)(), None, None, len(halves[1]), protocols[first])
    for place, name in enumerate([*_MEASURES][1:]):
        yield Figure(name, "real", float(looks[:, place].mean()), None, None, len(looks), protocols[name])
    curves: dict[str, list[np.ndarray]] = {name: [] for name in _MEASURES}
    for done, video in enumerate(made, 1):
        for name, values in _curves(video, known, network, window_s, device).items():
            curves[name].append(values)
        on_progress("measuring windows", done, len(made))
    for name, rows in curves.items():
        yield from curve_figures(name, rows, protocols[name])


def curve_figures(name: str, curves: Sequence[np.ndarray], protocol: Protocol) -> Iterator[Figure]:
    """Yields the mean of curves in each window, named `window N`, and the slope if there are windows enough for it."""
    longest = max(map(len, curves))
    for window in range(longest):
        values = np.array([curve[window] for curve in curves if len(curve) > window])
        yield mean_figure(name, f"window {window}", values, protocol)
    if longest >= SETTLED_FROM + 3:
        yield slope_figure(name, [curve[SETTLED_FROM:] for curve in curves], protocol)


def slope_figure(name: str, curves: Sequence[np.ndarray], protocol: Protocol) -> Figure:
    """Returns the change per 100 windows of curves over windows; if its interval holds 0, they are flat.

    Each curve may have a level of its own. The interval is by bootstrap over blocks of five windows, because
    neighbouring windows are alike.
    """
    moments: list[np.ndarray] = []
    values: list[np.ndarray] = []
    blocks: list[np.ndarray] = []
    for curve in curves:
        if len(curve) >= 3:
            window = np.arange(len(curve), dtype=float)
            moments.append(window - window.mean())
            values.append(curve - curve.mean())
            blocks.append((blocks[-1][-1] + 1 if blocks else 0) + np.arange(len(curve)) // 5)
    x, y, block = (np.concatenate(parts) for parts in (moments, values, blocks))

    def slope(of_block: np.ndarray) -> float:
        weight = of_block[block]
        spread = float(weight @ x**2)
        return 100 * float(weight @ (x * y)) / spread if spread else float("nan")

    count = int(block[-1]) + 1
    measure = f"{protocol.measure}; change per 100 windows from window {SETTLED_FROM} on, blocks of five windows"
    interval = bootstrap_interval(slope, [count])
    group = f"slope from window {SETTLED_FROM} on"
    return Figure(name, group, slope(np.ones(count)), *interval, len(x), replace(protocol, measure=measure))


def spread_frames(frames: np.ndarray, count: int = 8) -> np.ndarray:
    """Returns up to `count` of frames `t ...`, evenly spread."""
    return frames[np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))]


def _curves(
    video: Video, known: np.ndarray, network: FeatureNetwork, window_s: float, device: str
) -> dict[str, np.ndarray]:
    """The measures of each window of a video, of which no more than one is in memory."""
    found: dict[str, list[float]] = {name: [] for name in _MEASURES}
    length = max(2, round(window_s * video.fps))
    for window in video.clips(length):
        frames = spread_frames(window)
        distance = 1000 * KernelDistance(known, features_of(network, frames, device))()
        for name, value in zip(_MEASURES, (distance, *np.mean(_looks(frames), 0)), strict=True):
            found[name].append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def _thinned(video: Video) -> np.ndarray:
    return np.concatenate([spread_frames(part) for part in video.parts()])


def _looks(frames: np.ndarray) -> list[tuple[float, float, float]]:
    """Brightness, contrast and sharpness of frames uint8 `n h w 3`."""
    rows = []
    for frame in frames:
        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean()
        rows.append((float(frame.mean()), float(grey.std()), float(edges)))
    return rows
