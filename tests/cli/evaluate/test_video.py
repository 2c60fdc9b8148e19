"""`drivesim evaluate video` and its neighbours, from footage to a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import HELD_OUT_MARK, DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.engine import Engine
from drivesim.errors import FootageError, InputError
from drivesim.evaluation.protocol import Report
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

_WARPING = ("warping_error", "motion_px", "still_pairs")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four held-out logs of half a second at 40 frames per second, in which blocks move."""
    root = tmp_path_factory.mktemp("logs")
    for number in range(4):
        coarse = np.random.default_rng(number).integers(0, 256, (16, 40, 3)).astype(np.uint8)
        wide = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
        header = DriveLogLabels("test", 40.0, 256, 128, time_of_day="night" if number % 2 else "day")
        with DriveLogWriter(root / f"{HELD_OUT_MARK}{number}~000", header) as writer:
            for index in range(21):
                writer.write(
                    np.ascontiguousarray(wide[:, 2 * index : 2 * index + 256]), FrameLabel(index / 40, 5, 0, ())
                )
    return root


def evaluate(*arguments: object) -> dict:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_sampled_futures_are_kept_and_measured(
    logs: Path, tiny_checkpoints_with_detector: Path, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    common = ["video", "--data", logs, "--checkpoints", tiny_checkpoints_with_detector, "--device", "cpu"]
    common += ["--starts", 4, "--seconds", 0.4, "--steps", 1, "--clip-frames", 2, "--work", tmp_path / "work"]
    first = evaluate(*common, "--out", tmp_path / "video.json")
    names = {figure["name"] for figure in first["figures"]}
    assert {"clip_frechet_distance", "frame_frechet_distance", "warping_error", "pair_distance"} <= names
    assert {"kernel_distance_x1000", "vanished_per_vehicle_s"} <= names
    assert "fvd" not in names
    assert json.loads(Report.read(tmp_path / "video.json").as_json()) == first
    assert set(first["subject"]) == {"autoencoder", "image", "prediction", "interpolation", "decoder", "sampling"}
    kept = list((tmp_path / "work").iterdir())
    assert len(kept) == 4
    again = evaluate(*common, "--parts", "warping")
    assert list((tmp_path / "work").iterdir()) == kept
    assert again["figures"] == [figure for figure in first["figures"] if figure["name"] in _WARPING]


def test_archives_are_measured_without_sampling(
    logs: Path, tiny_checkpoints_with_detector: Path, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    scenario = Scenario.model_validate({"format": 1, "name": "case", "duration_s": 0.4, "sampling": {"steps": 1}})
    job = RolloutJob(scenario, tmp_path, tiny_checkpoints_with_detector, 0, 2, workers=1)
    list(run_rollout(job, Engine.load(tiny_checkpoints_with_detector)))
    common = ["video", job.archive_path, "--data", logs, "--checkpoints", tiny_checkpoints_with_detector]
    found = evaluate(*common, "--starts", 4, "--seconds", 0.4, "--parts", "warping,vehicles,drift", "--full")
    assert [*found["subject"]] == ["case.zarr, future 0", "case.zarr, future 1"]
    assert {figure["group"] for figure in found["figures"]} == {"made", "real", "window 0"}
    latents = {f["group"]: f["value"] for f in found["figures"] if f["name"] == "latent_contrast"}
    assert min(latents["real"], latents["window 0"]) > 0
    assert {protocol["height"] for protocol in found["protocols"].values()} == {128}


@pytest.mark.parametrize(
    ("evaluation", "options", "names", "groups"),
    [
        (
            "interpolation",
            ["--gaps", 4],
            {"perceptual", "perceptual_less_model"},
            {"optical flow, T→4T", "optical flow, 4T→16T, day", "interpolation, 4T→16T, night"},
        ),
        (
            "decoder",
            ["--clips", 4, "--frames", 4],
            {"clip_frechet_distance_ratio", "frame_frechet_distance_ratio"},
            {"temporal decoder", "autoencoder, frame by frame over temporal decoder"},
        ),
        (
            "upsampler",
            ["--clips", 4, "--frames", 2, "--low-res-tau", "0,60"],
            {"clip_frechet_distance_ratio", "warping_error", "perceptual"},
            {"bicubic over upsampler", "upsampler, low_res_tau 60"},
        ),
    ],
)
def test_stages_are_compared(
    evaluation: str, options: list, names: set[str], groups: set[str], logs: Path, tiny_checkpoints: Path
) -> None:
    torch.set_num_threads(1)
    found = evaluate(evaluation, "--data", logs, "--checkpoints", tiny_checkpoints, "--device", "cpu", *options)
    assert names <= {figure["name"] for figure in found["figures"]}
    assert groups <= {figure["group"] for figure in found["figures"]}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["video", "--parts", "beauty"], "--parts: expected some of"),
        (["video", "--full"], "--full: sampled futures"),
        (["video", "--i3d", "missing.pt"], "no such file"),
        (["interpolation", "--rates", "3"], "--rates: expected"),
        (["upsampler", "--low-res-tau", "1000"], "from 0 to 999"),
        (["upsampler", "--low-res-tau", "some"], "whole numbers"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], problem: str, logs: Path, tiny_checkpoints: Path) -> None:
    common = ["--data", str(logs), "--checkpoints", str(tiny_checkpoints)]
    with pytest.raises(InputError, match=problem):
        CliRunner().invoke(app, ["evaluate", *arguments, *common], catch_exceptions=False)


def test_small_frames_say_nothing_about_enlarging(tiny_checkpoints: Path, tmp_path: Path) -> None:
    for number in range(2):
        header = DriveLogLabels("test", 10.0, 128, 64)
        with DriveLogWriter(tmp_path / f"{HELD_OUT_MARK}{number}~000", header) as writer:
            for index in range(8):
                writer.write(np.zeros((64, 128, 3), np.uint8), FrameLabel(index / 10, None, None, None))
    arguments = ["upsampler", "--data", str(tmp_path), "--checkpoints", str(tiny_checkpoints), "--clips", "4"]
    with pytest.raises(FootageError, match="frames of 64 rows"):
        CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False)
