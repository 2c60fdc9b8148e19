from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import drivesim.engine.engine as module
from drivesim.engine import Engine
from drivesim.engine.threads import cpu_threads, each_with_threads
from drivesim.scenario import Scenario


@pytest.fixture
def _two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("_two_threads")
def test_threads_are_those_of_the_caller_again_after_a_block_and_between_items() -> None:
    seen = []
    with cpu_threads(1):
        seen.append(torch.get_num_threads())
    with cpu_threads(None):
        seen.append(torch.get_num_threads())
    counts = each_with_threads((torch.get_num_threads() for _ in range(2)), 1)
    for count in counts:
        seen += [count, torch.get_num_threads()]
    assert seen == [1, 2, 1, 2, 1, 2]
    with pytest.raises(ZeroDivisionError), cpu_threads(1):
        _ = 1 / 0
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("_two_threads")
def test_an_engine_gives_the_same_bits_whatever_the_threads_of_its_caller(
    tiny_checkpoints: Path, engine: Engine, scenario: Scenario
) -> None:
    two = engine.compose(scenario)
    assert torch.get_num_threads() == 2
    window = next(engine.rollout(scenario))
    torch.set_num_threads(1)
    np.testing.assert_array_equal(engine.compose(scenario), two)
    plain = Engine(engine.checkpoints)  # has the threads of torch, one
    np.testing.assert_array_equal(plain.compose(scenario), two)
    np.testing.assert_array_equal(next(plain.rollout(scenario)).frames, window.frames)


def test_the_models_that_ship_are_found_without_a_path(tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "default_checkpoints", lambda: tiny_checkpoints)
    engine = Engine.load()
    assert (engine.checkpoints.folder, engine.threads) == (tiny_checkpoints, 1)
    assert repr(engine) == f"<Engine of {tiny_checkpoints} on cpu>"
