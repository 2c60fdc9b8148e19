"""Painted lines in videos: those that keep still, those that jump, and those of archives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, RoadElement
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.evaluation.lane_lines import LinePlaces
from drivesim.evaluation.lane_motion import LineFilm, asks_for_road, lane_motion_figures, recorded_line_films
from drivesim.evaluation.protocol import Protocol
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

ROWS = np.arange(45, 60) / 64
ACTOR = {"id": "lead", "category": "car", "lane": 0, "distance_m": 25.0, "speed_mps": 8.0}
STEERED = ACTOR | {"lane": -1, "manoeuvres": [{"type": "cut_in", "start_s": 0.2, "duration_s": 2}]}


def film(lines_px: list[float], offsets_px: list[float], stride: int = 2) -> LineFilm:
    """A line that should be in a column per frame, and is so far to the right of it."""
    places = tuple(LinePlaces(np.full(len(ROWS), x / 1024), ROWS) for x in lines_px)
    return LineFilm("film", 10.0, stride, places, tuple(np.full(len(ROWS), x / 1024) for x in offsets_px))


def figures(one: LineFilm, protocol: Protocol) -> dict[tuple[str, str], float | None]:
    return {(figure.name, figure.group): figure.value for figure in lane_motion_figures({"made": [one]}, protocol)}


def test_a_line_that_moves_as_it_should_does_not_jump(protocol: Protocol) -> None:
    found = figures(film([500, 503, 506, 509, 512], [6] * 5), protocol)
    assert found["lane_lines_found", "made"] == 1
    assert found["lane_line_error_px", "made"] == pytest.approx(6)
    assert found["lane_line_jump_px", "made"] == pytest.approx(0)


def test_a_line_jumps_from_side_to_side_of_its_place(protocol: Protocol) -> None:
    found = figures(film([500] * 5, [6, 0, -6, 0, 6]), protocol)
    assert found["lane_line_error_px", "made, keyframes"] == pytest.approx(6)
    assert found["lane_line_error_px", "made, frames in between"] == pytest.approx(0)
    assert found["lane_line_jump_px", "made"] == pytest.approx(12)


def test_lines_that_are_lost_or_other_lines_do_not_count_as_jumps(protocol: Protocol) -> None:
    lost = film([500] * 5, [0, 0, np.nan, 0, 3])
    assert lost.jumps()[0].size == lost.jumps()[1].size == 0
    assert figures(lost, protocol)["lane_lines_found", "made"] == pytest.approx(4 / 5)
    assert figures(lost, protocol)["lane_line_jump_px", "made"] is None
    assert film([500, 0, 560], [0, 0, 9]).jumps()[0].size == 0


def test_logs_with_known_roads_are_measured(tmp_path: Path) -> None:
    for name, road in (("known", (RoadElement("lane_line", ((200.0, 64.0), (120.0, 127.0))),)), ("unknown", None)):
        with DriveLogWriter(tmp_path / name, DriveLogLabels("test", 10.0, 256, 128)) as writer:
            frame = np.full((128, 256, 3), 90, np.uint8)
            for row in range(64, 128):
                x = round(200 - 80 * (row - 64) / 63)
                frame[row, x - 1 : x + 2] = 230
            for number in range(8):
                writer.write(frame, FrameLabel(number / 10, 5.0, 0.0, (), road))
    found = recorded_line_films([tmp_path / "known", tmp_path / "unknown"], (128, 256), 2.5, lambda *_: None)
    assert [(one.name, one.stride, len(one.places)) for one in found] == [("known", 4, 8)]
    offsets = np.concatenate(found[0].offsets)
    assert np.isfinite(offsets).mean() > 0.9
    assert np.nanmax(np.abs(offsets)) * 1024 < 8
    assert [jump.max() < 1e-9 for jump in found[0].jumps()] == [True]


def test_archives_of_scenes_in_metres_are_measured(tiny_checkpoints: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    given = {
        "format": 1,
        "name": "case",
        "duration_s": 0.8,
        "actors": [STEERED],
        "road": {"ego_lane": 1},
        "sampling": {"steps": 1},
    }
    scenario = Scenario.model_validate(given)
    assert asks_for_road(scenario)
    job = RolloutJob(scenario, tmp_path, tiny_checkpoints, 0, 1, workers=1)
    list(run_rollout(job, Engine.load(tiny_checkpoints)))
    arguments = ["evaluate", "road", str(job.archive_path), "--checkpoints", str(tiny_checkpoints), "--json"]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert {"made", "made, keyframes"} <= {figure["group"] for figure in content["figures"]}
    assert {figure["name"] for figure in content["figures"]} >= {"lane_lines_found", "lane_line_jump_px"}
    assert all(figure["count"] > 0 for figure in content["figures"] if figure["name"] == "lane_lines_found")
    unsteered = Scenario.model_validate({"format": 1, "name": "free", "actors": [ACTOR]})
    assert not asks_for_road(unsteered)


def test_neither_logs_nor_archives_are_refused(tiny_checkpoints: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        CliRunner().invoke(app, ["evaluate", "road", "--checkpoints", str(tiny_checkpoints)], catch_exceptions=False)
