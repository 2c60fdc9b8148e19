from __future__ import annotations

from pathlib import Path

import torch

from drivesim.models.checkpoints import build, publish_checkpoint
from drivesim.models.presets import tiny
from drivesim.training.loop.randomness import step_generator
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare


def test_the_guide_is_trained_like_the_image_stage(long_logs: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    publish_checkpoint(tmp_path, tiny(), "autoencoder", build("autoencoder", tiny()))
    image, guide = (
        prepare(StageRequest(role, tiny(), long_logs, tmp_path, batch_size=2), lambda *_: None)
        for role in ("image", "guide")
    )
    assert guide.config == image.config
    assert len(guide.parameters()["network"]) == len(image.parameters()["network"])
    (term,) = guide.losses(0, 0.0, step_generator(0, 0, 0))
    term.value.backward()
    assert torch.isfinite(term.value)
