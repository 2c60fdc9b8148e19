from __future__ import annotations

from pathlib import Path

import pytest
import torch

from drivesim.engine import Engine
from drivesim.scenario import Scenario


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def engine(tiny_checkpoints: Path) -> Engine:
    return Engine.load(tiny_checkpoints)


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """Three windows at 10 frames a second, the last one cut short."""
    return Scenario.model_validate(
        {
            "format": 1,
            "name": "test",
            "time_of_day": "night",
            "crowdedness": 2,
            "boxes": [{"category": "truck", "xyxy": [400, 260, 520, 340]}],
            "duration_s": 5.5,
            "seed": 3,
            "sampling": {"steps": 3},
        }
    )
