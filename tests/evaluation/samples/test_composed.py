from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.engine import Engine, fast
from drivesim.engine.conditions import conditioned_layouts
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames, gate_choices, reconstructed_frames
from drivesim.models.conditioning import BoxLayout, Conditioning
from drivesim.scenario import Sampling, Scenario


@pytest.fixture(scope="module")
def engine(checkpoints: Path) -> Engine:
    return Engine.load(checkpoints)


@pytest.fixture
def conditions() -> Conditioning:
    """The scenario's box as footage gives it, with padding, in two samples."""
    xyxy = torch.tensor([[[400 / 1024, 260 / 512, 520 / 1024, 340 / 512], [0, 0, 0, 0]]])
    known = torch.ones(2, dtype=torch.bool)
    return Conditioning(
        boxes=BoxLayout(xyxy.expand(2, 1, 2, 4), torch.tensor([[[2, -1]]] * 2), known),
        time_of_day=torch.tensor([1, 1]),
    )


def test_many_frames_are_those_that_the_engine_composes_alone(engine: Engine, conditions: Conditioning) -> None:
    settings = fast().with_sampling(Sampling(steps=3))
    made = composed_frames(engine, conditions, 2, FrameSampling(settings, first_seed=5), lambda *_: None)
    box = {"category": "truck", "xyxy": [400, 260, 520, 340]}
    content = {"format": 1, "name": "one", "time_of_day": "night", "boxes": [box]}
    for frame, seed in zip(made, (5, 6), strict=True):
        alone = engine.compose(Scenario.model_validate(content), seed, settings)
        assert np.abs(frame.astype(int) - alone).max() <= 2


def test_reconstructed_frames_are_what_the_autoencoder_keeps(engine: Engine) -> None:
    video, autoencoder = engine.video, engine.networks.autoencoder
    frames = np.random.default_rng(0).integers(0, 256, (3, video.low_height, video.low_width, 3), np.uint8)
    made = reconstructed_frames(engine, frames, FrameSampling(fast(), enlarge=False, batch_size=2), lambda *_: None)
    with torch.no_grad():
        known = torch.from_numpy(frames).permute(0, 3, 1, 2)[:, None].float() / 127.5 - 1
        decoded = autoencoder.decode(autoencoder.encode(known))[:, 0].permute(0, 2, 3, 1)
    assert np.abs(made - (decoded.numpy() + 1) * 127.5).max() <= 1
    large = reconstructed_frames(
        engine, frames[:1], FrameSampling(fast().with_sampling(Sampling(steps=1))), lambda *_: None
    )
    assert large.shape == (1, 4 * video.low_height, 4 * video.low_width, 3)


def test_padding_is_no_request(conditions: Conditioning) -> None:
    layouts = conditioned_layouts(conditions)
    assert [len(layout) for layout in layouts] == [1, 1]
    assert layouts[0].category.tolist() == [2]


def test_a_gate_that_sees_nothing_keeps_first_attempts(engine: Engine, conditions: Conditioning) -> None:
    sampling = FrameSampling(fast().with_sampling(Sampling(steps=2)), enlarge=False)
    assert gate_choices(engine, conditions, sampling, 2, lambda *_: None).tolist() == [0, 0]
