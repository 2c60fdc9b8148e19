"""Drive logs of real footage leave out what nobody knows, and models are told that it is unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.clips import FootageTensors, clip_places
from drivesim.data.columns import FrameColumns, VehicleColumns
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import (
    DriveLogLabels,
    FrameLabel,
    Provenance,
    VehicleLabel,
    read_labels,
    write_labels,
)
from drivesim.data.packed import PackedFootage, footage_under
from drivesim.data.vehicle_labels import vehicle_labels
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import CATEGORIES

HEADER = DriveLogLabels("real", 10.0, 256, 128, provenance=Provenance("drive", 0.0), format=2)


def vehicle(left: float, bottom: float, distance_m: float | None = None, category: str = "car") -> VehicleLabel:
    box = (left, bottom - 30, left + 40, bottom)
    return VehicleLabel(1, category, box, box, distance_m, None)


@pytest.fixture
def footage(tmp_path: Path) -> PackedFootage:
    """Frames 0 to 3 without any labels, 4 to 7 with ego motion, 8 to 11 with vehicles that nobody measured."""
    labels = [FrameLabel(n / 10, None, None, None) for n in range(4)]
    labels += [FrameLabel(n / 10, 5.0, 0.1, None) for n in range(4, 8)]
    labels += [FrameLabel(n / 10, 5.0, None, (vehicle(20, 60), vehicle(80, 100, category="bus"))) for n in range(8, 12)]
    with DriveLogWriter(tmp_path / "drive~000", HEADER) as writer:
        for number, label in enumerate(labels):
            writer.write(np.full((128, 256, 3), 20 * number, np.uint8), label)
    return footage_under(tmp_path, 64, 128)


def test_unknown_is_not_nothing(footage: PackedFootage) -> None:
    columns = footage.columns
    assert columns.crowdedness.tolist() == [-1] * 8 + [2] * 4
    assert np.isnan(columns.ego_motion[:4]).all()
    assert columns.ego_motion[4] == pytest.approx((5.0, 0.1))
    assert np.isnan(columns.ego_motion[8:]).all(), "models take speed and yaw rate together"


def test_models_are_told_what_is_unknown(footage: PackedFootage) -> None:
    clips = torch.tensor([[0, 1], [4, 5], [7, 8], [8, 9]])
    conditions = FootageTensors(footage, "cpu").conditioning(clips)
    assert conditions.boxes.known.tolist() == [False, False, False, True]
    assert conditions.ego_motion.known.tolist() == [False, True, False, False]
    assert conditions.ego_motion.values.isfinite().all()
    assert conditions.crowdedness.tolist() == [-1, -1, -1, 2]
    assert conditions.time_of_day.tolist() == [-1] * 4


def test_frames_that_nobody_searched_teach_no_detector(footage: PackedFootage) -> None:
    split = "train" if len(footage.log_names) and _is_train(footage) else "held_out"
    assert clip_places(footage, split, None, 1).starts.tolist() == list(range(12))
    assert clip_places(footage, split, None, 1, labelled=True).starts.tolist() == [8, 9, 10, 11]
    truth = vehicle_labels(footage).truth(9)
    assert len(truth.xyxy) == 2


def _is_train(footage: PackedFootage) -> bool:
    from drivesim.data.drive_log import split_of

    return split_of(str(footage.log_names[0])) == "train"


def test_without_distances_the_lower_box_is_nearer() -> None:
    labels = [FrameLabel(0.0, None, None, (vehicle(20, 60), vehicle(80, 100, category="bus")))]
    labels += [FrameLabel(0.1, None, None, (vehicle(20, 60, 5.0), vehicle(80, 100, 50.0, "bus")))]
    columns = FrameColumns.of(VehicleColumns.of(labels, 256, 128), np.full(2, -1), np.full((2, 2), np.nan))
    assert [CATEGORIES[columns.category[frame, 0]] for frame in range(2)] == ["bus", "car"]


def test_versions(tmp_path: Path) -> None:
    """Logs of version 1 are read as before; a later version is refused, with the versions that are known."""
    write_labels(replace(HEADER, frames=(FrameLabel(0.0, None, None, None),)), tmp_path)
    assert read_labels(tmp_path).frames[0].vehicles is None
    content = json.loads((tmp_path / "labels.json").read_text())
    del content["provenance"]
    old = {
        **content,
        "format": 1,
        "frames": [{"time_s": 0, "ego_speed_mps": 1, "ego_yaw_rate_radps": 0, "vehicles": []}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(old))
    assert read_labels(tmp_path).frames[0].vehicles == ()
    (tmp_path / "labels.json").write_text(json.dumps({**old, "format": 4}))
    with pytest.raises(FootageError, match="reads versions 1 to 3, the file says 4"):
        read_labels(tmp_path)
