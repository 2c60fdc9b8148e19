"""Drift before the decoder: the contrast of the keyframes' latents, window by window.

A long rollout stays in latents, where guidance adds contrast and averaging takes it away, long before decoded frames
show either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.drift import curve_figures, spread_frames
from drivesim.evaluation.video.sources.videos import Video

Encode = Callable[[np.ndarray], np.ndarray]
"""Maps frames uint8 `t h w 3` of any size to normalised latents `t c h w`."""

_NAME = "latent_contrast"


def latent_contrast(latents: np.ndarray) -> float:
    """Returns the standard deviation over space of each channel of latents `... c h w`, averaged over all of them."""
    return float(latents.std((-2, -1), dtype=np.float64).mean())


def latent_contrast_figures(
    made: Sequence[Video], reference: Sequence[Video], encode: Encode, protocol: Protocol, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures `latent_contrast` of each window of those videos whose latents are stored.

    Args:
        made: Videos of the models.
        reference: Recorded videos, which are encoded for comparison.
        encode: The encoder of the autoencoder that made the latents.
        protocol: The protocol without measure.
        on_progress: Is called with the progress of the work.

    Yields:
        Figures named as those of `drift_figures`; nothing if no video has latents.
    """
    stored = [video.latents for video in made if video.latents is not None]
    if not stored:
        return
    measure = "standard deviation over space of the latents of keyframes, mean over channels, bootstrap over videos"
    protocol = replace(protocol, measure=measure, resize="area to the size of the autoencoder")
    real = []
    for done, video in enumerate(reference, 1):
        real.append(np.mean([latent_contrast(encode(spread_frames(part))) for part in video.parts()]))
        on_progress("encoding recorded frames", done, len(reference))
    yield mean_figure(_NAME, "real", np.array(real), protocol)
    curves = []
    for done, latents in enumerate(stored, 1):
        windows = range(len(latents))
        curves.append(np.array([latent_contrast(latents[window : window + 1]) for window in windows]))
        on_progress("measuring latents", done, len(stored))
    yield from curve_figures(_NAME, curves, protocol)
