from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from drivesim.assets import scenario_library
from drivesim.scenario import Scenario, load_scenario
from drivesim.scenario.previews.preview import MAX_FRAMES, preview_fps, preview_frame, preview_frames, preview_sheet

CUT_IN = scenario_library() / "cut_in_day.yaml"


def test_frames_cover_the_duration_and_move() -> None:
    scenario = load_scenario(CUT_IN)
    frames = list(preview_frames(scenario))
    assert len(frames) == round(scenario.duration_s * preview_fps(scenario))
    assert {frame.shape for frame in frames} == {(512, 1280, 3)}
    assert not np.array_equal(frames[0], frames[-1])


def test_a_long_scenario_has_no_more_frames_than_a_short_video_holds() -> None:
    scenario = Scenario.model_validate({"format": 1, "name": "long", "actors": [], "duration_s": 3600})
    assert scenario.duration_s * preview_fps(scenario) <= MAX_FRAMES


def test_boxes_and_open_scenes_are_drawn_too() -> None:
    boxes = preview_sheet(load_scenario(scenario_library() / "dense_day_traffic.yaml"))
    nothing = preview_sheet(Scenario.model_validate({"format": 1, "name": "open"}))
    assert boxes.shape == nothing.shape == (512, 1280, 3)
    assert not np.array_equal(boxes, nothing)


def test_what_the_models_are_told_is_filled_and_what_they_choose_is_not() -> None:
    actor = {"category": "car", "distance_m": 12, "speed_mps": 10}
    placed, steered = (
        Scenario.model_validate({"format": 1, "name": "a", "time_of_day": "day", "actors": [actor | more]})
        for more in ({}, {"manoeuvres": [{"type": "keep_lane"}]})
    )
    middle = (300, 512)
    assert np.array_equal(preview_frame(placed, 0.0)[middle], preview_frame(steered, 0.0)[middle])
    assert not np.array_equal(preview_frame(placed, 1.0)[middle], preview_frame(steered, 1.0)[middle])


def test_preview_writes_a_picture_and_a_video_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom drivesim.cli.preview import preview\nfrom pathlib import Path\n"
        f"preview(Path({str(CUT_IN)!r}), Path({str(tmp_path)!r}))\nassert 'torch' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut_in_day_layout.mp4", "cut_in_day_layout.png"]
