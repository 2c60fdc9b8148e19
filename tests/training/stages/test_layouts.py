from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import find_drive_logs, split_of
from drivesim.data.packed import PackedFootage, pack
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.presets import tiny
from drivesim.training.stages.layouts import layout_prior


@pytest.fixture(scope="module")
def footage(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedFootage:
    return pack(find_drive_logs(logs), tmp_path_factory.mktemp("packed") / "32x64", 32, 64)


def _training_frames(footage: PackedFootage) -> np.ndarray:
    log = np.searchsorted(footage.log_start, np.arange(len(footage.frames)), side="right") - 1
    return np.array([split_of(str(footage.log_names[i])) == "train" for i in log])


def test_layouts_are_those_of_training_frames(footage: PackedFootage) -> None:
    prior, train = layout_prior(footage), _training_frames(footage)
    assert not train.all()
    assert len(prior.crowdedness) == train.sum()
    recorded = {
        (boxes.tobytes(), int(n))
        for boxes, n in zip(footage.columns.boxes[train], footage.columns.crowdedness[train], strict=True)
    }
    assert {(boxes.tobytes(), int(n)) for boxes, n in zip(prior.xyxy, prior.crowdedness, strict=True)} == recorded


def test_no_crowdedness_has_more_layouts_than_allowed(footage: PackedFootage) -> None:
    prior = layout_prior(footage, layouts_per_level=2)
    levels, counts = np.unique(prior.crowdedness, return_counts=True)
    assert counts.max() == 2
    assert set(levels) == set(footage.columns.crowdedness[_training_frames(footage)])


def test_the_command_adds_layouts_to_a_set(logs: Path, tmp_path: Path) -> None:
    arguments = ["train", "layouts", "--data", str(logs), "--out", str(tmp_path), "--preset", "tiny"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    checkpoints = CheckpointSet.open(tmp_path)
    assert checkpoints.preset == tiny()
    assert len(checkpoints.load_layouts().crowdedness) > 0
