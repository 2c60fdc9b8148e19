from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drivesim.engine import Engine, fast, sampled_roles
from drivesim.engine.first_frame.compose import fitted
from drivesim.engine.settings import Autoguidance
from drivesim.errors import InputError
from drivesim.models.checkpoints import build, publish_checkpoint
from drivesim.models.presets import tiny
from drivesim.scenario import Scenario


def test_a_frame_follows_seed_boxes_and_time_of_day(engine: Engine, scenario: Scenario) -> None:
    frame = engine.compose(scenario)
    assert (frame.shape, frame.dtype) == ((128, 256, 3), np.uint8)
    assert np.array_equal(frame, engine.compose(scenario, seed=3))
    assert not np.array_equal(frame, engine.compose(scenario, seed=4))
    for change in ({"boxes": None}, {"boxes": ()}, {"time_of_day": "day"}, {"crowdedness": None}):
        assert not np.array_equal(frame, engine.compose(scenario.model_copy(update=change)))


def test_a_scene_starts_from_a_picture(engine: Engine, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (512, 1024, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "scene.png"), picture)
    scenario = Scenario.model_validate({"format": 1, "name": "p", "first_frame": str(tmp_path / "scene.png")})
    frame = engine.compose(scenario)
    cv2.imwrite(str(tmp_path / "scene.png"), 255 - picture)
    assert not np.array_equal(frame, engine.compose(scenario))


def test_a_broken_picture_is_an_input_error(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "scene.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture at all")
    scenario = Scenario.model_validate({"format": 1, "name": "p", "first_frame": str(tmp_path / "scene.png")})
    with pytest.raises(InputError, match=r"scene\.png"):
        engine.compose(scenario)


def test_a_picture_is_cropped_in_its_middle_and_shrunk_by_area() -> None:
    picture = np.zeros((100, 220, 3), np.uint8)
    picture[:, 10:210] = 200
    picture[:, 110:210] = 100
    small = fitted(picture, 10, 20)
    assert small.shape == (10, 20, 3)
    assert (small[:, :10] == 200).all()
    assert (small[:, 10:] == 100).all()


@pytest.fixture(scope="module")
def with_guide(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The same networks, and a guide."""
    folder = shutil.copytree(tiny_checkpoints, tmp_path_factory.mktemp("guided") / "tiny")
    guide, generator = build("guide", tiny()), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    publish_checkpoint(folder, tiny(), "guide", guide)
    return Engine.load(folder)


def test_a_guide_in_the_checkpoints_guides_the_first_frame(
    engine: Engine, with_guide: Engine, scenario: Scenario
) -> None:
    scenario = scenario.model_copy(update={"sampling": scenario.sampling.model_copy(update={"steps": 4})})
    plain = engine.compose(scenario, settings=replace(fast(), image_guidance=4.0))
    neutral = with_guide.compose(scenario, settings=replace(fast(), autoguidance=Autoguidance(scale=1.0)))
    guided = with_guide.compose(scenario, settings=fast())
    assert np.array_equal(neutral, plain)
    assert not np.array_equal(guided, plain)


def test_a_guide_is_sampled_where_the_image_model_is(engine: Engine, with_guide: Engine) -> None:
    settings = replace(fast(), students=())
    assert sampled_roles(["image"], settings, with_guide.checkpoints) == ("image", "guide")
    assert sampled_roles(["prediction"], settings, with_guide.checkpoints) == ("prediction",)
    assert sampled_roles(["image"], settings, engine.checkpoints) == ("image",)


def test_without_a_guide_autoguidance_has_no_effect(engine: Engine, scenario: Scenario) -> None:
    plain = engine.compose(scenario, settings=replace(fast(), autoguidance=None))
    assert np.array_equal(engine.compose(scenario, settings=fast()), plain)
