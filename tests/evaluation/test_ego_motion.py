"""Ego motion against what was requested: known tracks, and logs of the world whose motion is exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.engine import Engine
from drivesim.evaluation.ego_motion import (
    MADE,
    EgoMotionTrack,
    archived_tracks,
    asks_for_ego_motion,
    ego_motion_figures,
    ego_motion_protocol,
    recorded_tracks,
)
from drivesim.evaluation.protocol import Protocol
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

ASKED = np.stack([np.linspace(5, 12, 40), np.linspace(-0.2, 0.3, 40)], -1)


def measured(estimated: np.ndarray, protocol: Protocol) -> dict[str, float | None]:
    figures = ego_motion_figures({MADE: [EgoMotionTrack(10.0, ASKED, estimated)]}, protocol)
    return {figure.name: figure.value for figure in figures}


def test_motion_as_requested_is_followed(protocol: Protocol) -> None:
    found = measured(ASKED, protocol)
    assert found["ego_motion_known"] == found["ego_speed_followed"] == found["ego_yaw_rate_followed"] == 1
    assert found["ego_speed_error"] == found["ego_yaw_rate_error"] == 0


def test_a_camera_that_never_turns_ignores_the_yaw_rate(protocol: Protocol) -> None:
    found = measured(ASKED * [0.5, 0], protocol)
    assert found["ego_speed_followed"] == pytest.approx(0.5)
    assert found["ego_yaw_rate_followed"] == 0
    assert found["ego_yaw_rate_error"] == pytest.approx(np.abs(ASKED[:, 1]).mean())


def test_frames_without_an_estimate_do_not_count(protocol: Protocol) -> None:
    estimated = ASKED.copy()
    estimated[10:20] = np.nan
    found = measured(estimated, protocol)
    assert found["ego_motion_known"] == 0.75
    assert found["ego_speed_error"] == 0
    nothing = measured(np.full_like(ASKED, np.nan), protocol)
    assert (nothing["ego_motion_known"], nothing["ego_speed_error"]) == (0, None)


def test_archives_say_what_was_requested(tiny_checkpoints: Path, tmp_path: Path) -> None:
    given = {"format": 1, "name": "case", "duration_s": 0.4, "ego": {"speed_mps": 7.0}, "sampling": {"steps": 1}}
    scenario = Scenario.model_validate(given)
    assert asks_for_ego_motion(scenario)
    assert not asks_for_ego_motion(Scenario.model_validate({"format": 1, "name": "free", "time_of_day": "day"}))
    job = RolloutJob(scenario, tmp_path, tiny_checkpoints, 0, 2, workers=1)
    list(run_rollout(job, Engine.load(tiny_checkpoints)))
    tracks = archived_tracks([job.archive_path], lambda *_: None)
    assert [len(track.asked) for track in tracks] == [4, 4]
    assert tracks[0].asked == pytest.approx(np.tile([7.0, 0.0], (4, 1)))
    assert tracks[0].estimated.shape == (4, 2)
    assert ego_motion_protocol([job.archive_path]).num_samples == 2


def test_logs_without_known_motion_are_left_out(logs: Path) -> None:
    assert recorded_tracks(sorted(logs.glob("log_*"))[:2], lambda *_: None) == []
