"""What the vehicle detector finds beside what was requested."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from drivesim.engine import Engine, frame_findings
from drivesim.scenario import CATEGORIES, SceneLayout

LAYOUT = SceneLayout(np.array([[0.1, 0.4, 0.3, 0.8]], np.float32), np.array([2]))


def test_requested_and_detected_vehicles_are_told_apart(tiny_checkpoints_with_detector: Path) -> None:
    engine = Engine.load(tiny_checkpoints_with_detector)
    frame = np.random.default_rng(0).integers(0, 255, (128, 256, 3), np.uint8)
    found = frame_findings(engine, frame, LAYOUT)
    (requested,) = found["requested"]
    assert (requested["category"], requested["xyxy"]) == ("truck", [0.1, 0.4, 0.3, 0.8])
    assert requested["outcome"] in ("found", "wrong category", "missing")
    obeyed = [one for one in found["detected"] if one["role"] == "requested"]
    assert len(obeyed) >= (requested["outcome"] != "missing")
    assert {one["role"] for one in found["detected"]} <= {"requested", "misplaced", "unasked", None}


def test_a_detection_in_the_place_of_a_request_is_found(tiny_checkpoints_with_detector: Path) -> None:
    engine = Engine.load(tiny_checkpoints_with_detector)
    frame = np.random.default_rng(0).integers(0, 255, (128, 256, 3), np.uint8)
    free = frame_findings(engine, frame, None)
    assert free["requested"] == []
    assert {one["role"] for one in free["detected"]} <= {None}
    seen = max(free["detected"], key=lambda one: (one["xyxy"][2] - one["xyxy"][0]) * (one["xyxy"][3] - one["xyxy"][1]))
    asked = SceneLayout(np.array([seen["xyxy"]], np.float32), np.array([CATEGORIES.index(seen["category"])]))
    found = frame_findings(engine, frame, asked)
    assert [one["outcome"] for one in found["requested"]] == ["found"]
    assert [one["xyxy"] for one in found["detected"] if one["role"] == "requested"] == [seen["xyxy"]]


def test_without_a_detector_there_are_no_findings(tiny_checkpoints: Path) -> None:
    engine = Engine.load(tiny_checkpoints)
    assert frame_findings(engine, np.zeros((128, 256, 3), np.uint8), LAYOUT) is None
