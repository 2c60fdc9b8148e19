from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import LAYOUTS, load_checkpoint, load_layout_prior, save_checkpoint
from drivesim.models.conditioning import UNKNOWN
from drivesim.models.layout_prior import LayoutPrior


@pytest.fixture
def prior() -> LayoutPrior:
    """Frames of 0, 2, 2 and 3 vehicles; frame i holds boxes whose left edge is i / 10."""
    crowdedness = np.array([0, 2, 2, 3])
    xyxy, category = np.zeros((4, 4, 4), np.float32), np.full((4, 4), UNKNOWN)
    for frame, count in enumerate(crowdedness):
        xyxy[frame, :count] = (frame / 10, 0.25, 0.5, 0.75)
        category[frame, :count] = np.arange(count)
    return LayoutPrior.of(xyxy, category, crowdedness)


@pytest.mark.parametrize(("asked", "frames"), [(0, {0}), (1, {0, 1, 2}), (2, {1, 2}), (3, {3}), (40, {3})])
def test_layouts_come_from_the_frames_nearest_in_crowdedness(prior: LayoutPrior, asked: int, frames: set[int]) -> None:
    seen = set()
    for seed in range(40):
        layout = prior.draw(asked, np.random.default_rng(seed), at_least=1)
        frame = round(10 * float(layout.xyxy[0, 0])) if len(layout) else 0
        assert len(layout) == prior.crowdedness[frame]
        assert layout.category.tolist() == list(range(len(layout)))
        seen.add(frame)
    assert seen == frames


def test_there_is_a_choice_where_a_crowdedness_is_rare(prior: LayoutPrior) -> None:
    counts = [{len(prior.draw(3, np.random.default_rng(seed), n)) for seed in range(40)} for n in (1, 2, 4, 9)]
    assert counts == [{3}, {2, 3}, {0, 2, 3}, {0, 2, 3}]


def test_the_same_generator_draws_the_same(prior: LayoutPrior) -> None:
    one, two = (prior.draw(2, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.xyxy, two.xyxy)


def test_a_checkpoint_keeps_layouts_to_half_a_pixel(prior: LayoutPrior, tmp_path: Path) -> None:
    path = tmp_path / "layouts.safetensors"
    save_checkpoint(path, prior, LAYOUTS)
    loaded = load_layout_prior(path)
    assert np.array_equal(loaded.category, prior.category)
    assert np.array_equal(loaded.crowdedness, prior.crowdedness)
    assert np.abs(loaded.xyxy - prior.xyxy).max() <= 0.5 / 1024
    with pytest.raises(CheckpointError, match="vehicle_detector"):
        load_checkpoint(path, "vehicle_detector")


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_a_prior_of_nothing_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="frames and boxes"):
        LayoutPrior.of(np.zeros((*sizes, 4)), np.zeros(sizes), np.zeros(sizes[0]))
