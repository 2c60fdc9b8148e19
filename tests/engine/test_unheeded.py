"""A setting without effect stays out of the identity of archives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from drivesim.engine import fast
from drivesim.engine.unheeded import heeded_settings
from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.networks import network_of
from drivesim.models.presets import tiny


@pytest.mark.parametrize("knows_noise", [False, True])
def test_noise_on_the_context_is_heeded_by_networks_that_are_conditioned_on_it(
    tmp_path: Path, knows_noise: bool
) -> None:
    preset = replace(tiny(), prediction=replace(tiny().prediction, context_noise=knows_noise))
    image = build("image", preset)
    publish_checkpoint(tmp_path, preset, "image", image)
    prediction = network_of("prediction", preset.config_of("prediction"))
    prediction.load_state_dict({**prediction.state_dict(), **CheckpointSet.open(tmp_path).load("image").state_dict()})
    publish_checkpoint(tmp_path, preset, "prediction", prediction)
    heeded = heeded_settings(fast(), CheckpointSet.open(tmp_path))
    assert heeded.context_noise == (fast().context_noise if knows_noise else 0.0)
    assert ("context_noise" in heeded.canonical()) == knows_noise
