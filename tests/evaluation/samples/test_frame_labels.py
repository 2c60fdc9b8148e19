from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from drivesim.archive import Archive, open_archive
from drivesim.cli.export import export
from drivesim.detection.detections import Detections
from drivesim.errors import InputError
from drivesim.evaluation.samples import frame_labels
from drivesim.evaluation.samples.frame_labels import detected_labels, requested_labels
from drivesim.rollout.archived import archived_scenario
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

BOX = {"category": "van", "xyxy": [256, 128, 512, 256]}
SEEN = Detections(np.float32([[0.5, 0.5, 0.75, 1.0]]), np.array([3]), np.float32([0.625]))


@pytest.fixture(scope="module")
def archive(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    given = {"format": 1, "name": "case", "boxes": [BOX], "duration_s": 0.5, "seed": 3, "sampling": {"steps": 1}}
    job = RolloutJob(
        Scenario.model_validate(given), tmp_path_factory.mktemp("boxes"), checkpoints, seed=3, futures=1, workers=1
    )
    list(run_rollout(job))
    return open_archive(job.archive_path)


def test_what_was_requested_is_not_what_is_detected(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_labels, "detect_vehicles", lambda detector, frames: [SEEN] * len(frames))
    requested = requested_labels(archive, archive.rollouts[0], "future_00")
    detected = detected_labels(archive, archive.rollouts[0], None, "future_00")
    assert [(a["image_id"], a["category_id"], a["bbox"]) for a in requested["annotations"]] == [
        (1, 2, [256, 128, 256, 128])
    ]
    assert all("score" not in annotation for annotation in requested["annotations"])
    committed = archive.rollouts[0].num_committed_frames
    assert (
        [a["image_id"] for a in detected["annotations"]]
        == list(range(1, committed + 1))
        == [image["id"] for image in detected["images"]]
    )
    assert {(a["category_id"], tuple(a["bbox"]), a["score"]) for a in detected["annotations"]} == {
        (4, (512, 256, 256, 256), 0.625)
    }
    assert requested["info"]["description"].startswith("requested")
    assert detected["info"]["description"].startswith("detected")


def test_export_writes_both_beside_the_pictures_they_name(archive: Archive, checkpoints: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(export)
    arguments = [str(archive.path), "--format", "coco", "--out", str(tmp_path), "--checkpoints", str(checkpoints)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    for whose in ("requested", "detected"):
        document = json.loads((tmp_path / f"future_00_{whose}.json").read_text())
        assert document["info"]["description"].startswith(whose)
        for image in document["images"]:
            assert cv2.imread(str(tmp_path / image["file_name"])) is not None


def test_an_archive_without_a_scenario_has_no_labels(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(archive), "provenance", {})
    with pytest.raises(InputError, match="was not made by a rollout"):
        archived_scenario(archive)
