"""Which logs a benchmark trains on and which ones it measures on never overlap."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import HELD_OUT_MARK, DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.errors import FootageError, InputError


def record(root: Path, *names: str) -> Path:
    """Drive logs of 0.4 s."""
    for name in names:
        with DriveLogWriter(root / name, DriveLogLabels("test", 10.0, 32, 16)) as writer:
            for index in range(4):
                writer.write(np.full((16, 32, 3), 40 * index, np.uint8), FrameLabel(index / 10, None, None, None))
    return root


def read(logs: Path, *given: str) -> argparse.Namespace:
    from evaluation_logs import add_evaluation_arguments

    parser = argparse.ArgumentParser()
    parser.add_argument("logs", type=Path)
    add_evaluation_arguments(parser)
    return parser.parse_args([str(logs), *given])


def test_all_logs_of_another_folder_are_measured(tmp_path: Path) -> None:
    from evaluation_logs import evaluated_moments

    logs, other = record(tmp_path / "logs", "a"), record(tmp_path / "other", "b", "c")
    asked, reference = evaluated_moments(read(logs, "--evaluate-on", str(other), "--starts", "4"), 0.2)
    assert {path.name for path, _ in asked} == {"c"}
    assert {path.name for path, _ in reference} == {"b"}


@pytest.mark.parametrize("other", ["logs", "logs/inside", "."])
def test_footage_that_is_trained_on_is_not_measured(tmp_path: Path, other: str) -> None:
    from evaluation_logs import evaluated_moments

    logs = record(tmp_path / "logs", "a", "inside/b", "inside/c")
    with pytest.raises(InputError, match="trained on"):
        evaluated_moments(read(logs, "--evaluate-on", str(tmp_path / other)), 0.2)


def test_the_last_recording_is_held_out_if_no_name_says_so(tmp_path: Path) -> None:
    from evaluation_logs import evaluated_moments, held_out_of

    logs = record(tmp_path / "logs", "a~000", "b~000", "b~001")
    assert held_out_of(logs) == {"b"}
    asked, reference = evaluated_moments(read(logs), 0.2)
    assert {path.name for path, _ in asked + reference} == {"b~000", "b~001"}
    record(logs, f"{HELD_OUT_MARK}c")
    assert held_out_of(logs) == frozenset()
    with pytest.raises(FootageError, match="two logs"):
        evaluated_moments(read(logs), 0.2)
