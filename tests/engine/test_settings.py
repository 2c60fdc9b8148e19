from __future__ import annotations

import pytest

from drivesim.engine import fast, settings_named
from drivesim.engine.settings import SamplerSettings
from drivesim.errors import InputError
from drivesim.scenario import Sampling


def test_a_scenario_that_says_nothing_changes_nothing() -> None:
    assert fast().with_sampling(Sampling()) == fast()


def test_a_scenario_overrides_what_it_names() -> None:
    settings = fast().with_sampling(Sampling(sampler="ddim", steps=7, guidance=3.0, context_guidance=1.5))
    assert settings.image == settings.prediction == SamplerSettings(7, "ddim")
    assert settings.interpolation == SamplerSettings(fast().interpolation.steps, "ddim")
    assert (settings.image_guidance, settings.context_guidance) == (3.0, 1.5)
    assert settings.upsampler == fast().upsampler


def test_zero_guidance_is_not_mistaken_for_none() -> None:
    assert fast().with_sampling(Sampling(guidance=0.0)).image_guidance == 0.0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="fast or quality"):
        settings_named("best")
    with pytest.raises(InputError, match="ddim"):
        SamplerSettings(3, "euler")
