"""The contrast of stored latents, window by window, beside that of recorded frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.video.measures.latent_contrast import latent_contrast, latent_contrast_figures
from drivesim.evaluation.video.sources.videos import Video

RNG = np.random.default_rng(0)


def encode(frames: np.ndarray) -> np.ndarray:
    """Latents whose first channel is the red one, and whose second is its opposite."""
    red = frames[..., 0].astype(np.float32)
    return np.stack([red, -red], 1)


def measured(made: list[Video], reference: list[Video], protocol: Protocol) -> dict[str, Figure]:
    found = latent_contrast_figures(made, reference, encode, protocol, lambda *_: None)
    return {figure.group: figure for figure in found}


def test_the_level_of_a_channel_is_no_contrast() -> None:
    latents = RNG.normal(size=(2, 3, 8, 8))
    contrast = latent_contrast(latents)
    assert latent_contrast(latents + RNG.normal(size=(2, 3, 1, 1))) == pytest.approx(contrast)
    assert latent_contrast(3 * latents) == pytest.approx(3 * contrast)
    assert latent_contrast(np.ones((2, 3, 8, 8))) == 0


def test_latents_that_gain_contrast_drift(protocol: Protocol, pan, video_of) -> None:
    reference = [video_of(pan(seed, 4)) for seed in range(3)]
    base = encode(pan(0, 4))
    rising = np.stack([(1 + 0.05 * window) * base for window in range(20)])
    made = [replace(video_of(pan(0, 4), scene), latents=rising * scale) for scene, scale in (("a", 1.0), ("b", 1.1))]
    found = measured(made, reference, protocol)
    contrasts = [found[f"window {window}"].value for window in range(20)]
    assert contrasts == pytest.approx([(1.05 + 0.0525 * window) * latent_contrast(base) for window in range(20)])
    slope = found["slope from window 10 on"]
    assert slope.low > 0
    assert slope.value == pytest.approx(5.25 * latent_contrast(base))
    expected = np.mean([latent_contrast(encode(pan(seed, 4))) for seed in range(3)])
    assert found["real"].value == pytest.approx(expected)


def test_videos_without_latents_have_no_figure(protocol: Protocol, pan, video_of) -> None:
    assert measured([video_of(pan(0, 4))], [video_of(pan(1, 4))], protocol) == {}
