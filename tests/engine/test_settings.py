from __future__ import annotations

from dataclasses import replace

import pytest

from drivesim.engine import fast, settings_named
from drivesim.engine.settings import Autoguidance, SamplerSettings
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


def test_autoguidance_needs_a_guide_and_then_brings_its_own_weight_of_the_conditions() -> None:
    settings = replace(fast(), image_guidance=6.0, autoguidance=Autoguidance(scale=2.0, image_guidance=3.0))
    without, beside = settings.for_stages(["image"]), settings.for_stages(["image", "guide"])
    assert without == replace(settings, autoguidance=None)
    assert beside == replace(settings, image_guidance=3.0)
    assert beside.for_stages(["image", "guide"]) == beside


def test_guidance_of_a_scenario_counts_beside_a_guide_too() -> None:
    settings = fast().with_sampling(Sampling(guidance=2.0))
    assert settings.for_stages(["image"]).image_guidance == settings.for_stages(["guide"]).image_guidance == 2.0


def test_settings_without_autoguidance_have_the_identity_that_they_always_had() -> None:
    assert "autoguidance" not in fast().for_stages(["image"]).canonical()
    assert fast().for_stages(["guide"]).canonical()["autoguidance"]["scale"] == Autoguidance().scale
