"""Versions of a stage, and frames in between, when it is known which one is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.engine import Engine, fast
from drivesim.engine.settings import SamplerSettings, UpsamplerSettings
from drivesim.evaluation.metrics.corruptions import flickering
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.video.interpolation import (
    BLEND,
    METHODS,
    MODEL,
    RECONSTRUCTED,
    WARP,
    Gap,
    interpolated_gaps,
    interpolation_figures,
)
from drivesim.evaluation.video.measures.features import StackedFeatures
from drivesim.evaluation.video.versions import (
    BICUBIC,
    IMAGE_DECODER,
    IMAGE_UPSAMPLER,
    ONE_NOISE,
    VIDEO_DECODER,
    VIDEO_UPSAMPLER,
    decoder_versions,
    noise_level,
    quarters,
    upsampler_versions,
    version_figures,
    whole,
)

QUICK = replace(
    fast(), interpolation=SamplerSettings(2), upsampler=UpsamplerSettings(SamplerSettings(1, "ddim"), block_frames=2)
)


class Columns:
    """A network whose features are the mean colours of sixteen columns of the picture."""

    name, sha256, resize = "columns", "0" * 64, "none"

    def __call__(self, pictures):
        return torch.nn.functional.adaptive_avg_pool2d(pictures, (1, 16)).flatten(1)


@pytest.fixture(scope="module")
def engine(tiny_checkpoints: Path) -> Engine:
    return Engine.load(tiny_checkpoints)


def test_the_steadier_version_wins(protocol: Protocol, pan, video_of) -> None:
    asked, reference = ([video_of(pan(seed, 6)) for seed in range(first, first + 6)] for first in (0, 20))

    def versions(clip: np.ndarray, number: int) -> dict[str, np.ndarray]:
        return {"image": flickering(clip, 0.2, seed=number), "video": flickering(clip, 0.02, seed=number)}

    networks = (StackedFeatures(Columns()), Columns())
    found = {
        (figure.name, figure.group): figure
        for figure in version_figures(
            asked, reference, versions, [("image", "video")], whole, networks, protocol, "cpu", lambda *_: None
        )
    }
    ratio = found["clip_frechet_distance_ratio", "image over video"]
    assert 1 < ratio.low <= ratio.value <= ratio.high
    assert found["warping_error", "image"].value > found["warping_error", "video"].value
    assert found["warping_error", "video"].value >= found["warping_error", "real"].value
    assert found["perceptual", "image"].value > found["perceptual", "video"].value
    assert ("perceptual", "real") not in found


def test_quarters_cover_the_frame() -> None:
    clip = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    parts = quarters(clip)
    assert parts.shape == (4, 2, 2, 3, 3)
    assert sorted(parts.ravel()) == sorted(clip.ravel())


def test_decoders_get_the_same_latents(engine: Engine, pan) -> None:
    clip = np.stack([frame[::2, ::2] for frame in pan(0, 5)])
    made = decoder_versions(engine, QUICK)(clip, 0)
    assert made[IMAGE_DECODER].shape == made[VIDEO_DECODER].shape == clip.shape
    assert not np.array_equal(made[IMAGE_DECODER], made[VIDEO_DECODER])
    alone = decoder_versions(engine, QUICK)(clip[:1], 0)
    assert np.abs(alone[IMAGE_DECODER][0].astype(int) - made[IMAGE_DECODER][0]).max() <= 1
    assert not np.array_equal(alone[VIDEO_DECODER][0], made[VIDEO_DECODER][0])


@pytest.mark.parametrize("reconstructed", [False, True])
def test_upsamplers_get_the_same_frames(engine: Engine, reconstructed: bool) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (3, 128, 256, 3), np.uint8)
    made = upsampler_versions(engine, QUICK, [0, 30], reconstructed, 5)(clip, 0)
    assert set(made) == {BICUBIC, IMAGE_UPSAMPLER, ONE_NOISE, VIDEO_UPSAMPLER, noise_level(0)}
    assert {frames.shape for frames in made.values()} == {clip.shape}
    assert not np.array_equal(made[VIDEO_UPSAMPLER], made[noise_level(0)])
    still = np.repeat(clip[:1], 3, 0)
    steady = upsampler_versions(engine, QUICK, [], False, 5)(still, 0)
    assert np.array_equal(steady[ONE_NOISE][0], steady[ONE_NOISE][2])
    assert not np.array_equal(steady[IMAGE_UPSAMPLER][0], steady[IMAGE_UPSAMPLER][2])


def test_gaps_are_filled_by_every_method(engine: Engine, recorded_logs: Path) -> None:
    starts = [(path, 0.1) for path in sorted(recorded_logs.iterdir())[:2]]
    gaps, identity = interpolated_gaps(engine, starts, 0, QUICK, 3, lambda *_: None)
    again, same = interpolated_gaps(engine, starts, 0, QUICK, 3, lambda *_: None)
    assert identity == same
    for gap, repeated in zip(gaps, again, strict=True):
        assert gap.real.shape == (3, 32, 64, 3)
        assert set(gap.made) == set(METHODS)
        for method in METHODS:
            assert np.array_equal(gap.made[method], repeated.made[method])
            assert gap.made[method].shape == gap.real.shape
    assert [gap.time_of_day for gap in gaps] == [1, 0]


def test_a_method_is_compared_gap_by_gap(protocol: Protocol, pan) -> None:
    gaps = []
    for number in range(4):
        frames = pan(number, 5)
        blend = np.round(np.linspace(0.25, 0.75, 3)[:, None, None, None] * (frames[4].astype(float) - frames[0]))
        made = {MODEL: frames[1:4], BLEND: (frames[0] + blend).astype(np.uint8), WARP: frames[[0, 0, 4]]}
        gaps.append(Gap(0, number % 2, float(number), frames[1:4], {**made, RECONSTRUCTED: frames[1:4]}))
    found = {(f.name, f.group): f for f in interpolation_figures(gaps, protocol, "cpu", lambda *_: None)}
    assert found["perceptual", f"{MODEL}, T→4T"].value == pytest.approx(0, abs=1e-6)
    less = found["perceptual_less_model", f"{BLEND}, T→4T"]
    assert less.value == pytest.approx(found["perceptual", f"{BLEND}, T→4T"].value, abs=1e-6)
    assert less.low > 0
    assert found["perceptual", f"{WARP}, T→4T, night"].count == 2
    assert found["perceptual", f"{WARP}, T→4T, fastest third"].count == 2
    assert not any("4T→16T" in group for _, group in found)
