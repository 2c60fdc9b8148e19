"""The folder in which command lines of the documentation run, with what they suppose to be there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from drivesim.data.drive_log import DriveLogWriter, split_of
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.engine import Engine
from drivesim.rollout.job import RolloutJob, run_rollout
from drivesim.scenario import load_scenario
from drivesim.training.loop import metrics

ROOT = Path(__file__).parents[2]
Pages = tuple[Path, ...]


@pytest.fixture(scope="session")
def pages() -> Pages:
    """All pages whose command lines are tested."""
    return (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


@pytest.fixture(scope="session")
def scenarios_on() -> Callable[[Path], list[str]]:
    """Finds the scenario files that a page shows as a whole."""

    def found(page: Path) -> list[str]:
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        return [block for block in blocks if re.search(r"^format: 1$", block, re.M)]

    return found


@pytest.fixture(scope="session")
def made(
    tiny_checkpoints_with_layouts: Path,
    pages: Pages,
    scenarios_on: Callable[[Path], list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What earlier commands have left: short `scenarios`, `cut_in_day.zarr`, `logs` and the models in `tiny`."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(tiny_checkpoints_with_layouts, folder / "tiny")
    (folder / "scenarios").mkdir()
    shipped = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "scenarios").glob("*.yaml"))]
    for text in [*shipped, *(text for page in pages for text in scenarios_on(page))]:
        (folder / "scenarios" / f"{yaml.safe_load(text)['name']}.yaml").write_text(_short(text), encoding="utf-8")
    scenario = load_scenario(folder / "scenarios" / "cut_in_day.yaml")
    list(run_rollout(RolloutJob(scenario, folder, folder / "tiny", seed=0, futures=1), Engine.load(folder / "tiny")))
    _record(folder / "logs")
    return folder


def _short(scenario: str) -> str:
    """A scenario of one window and one step, with few cases."""
    text = re.sub(r"^duration_s:.*", "duration_s: 0.4", scenario, flags=re.M)
    return re.sub(r"^  count:.*", "  count: 8", text, flags=re.M) + "sampling: {steps: 1}\n"


def _record(folder: Path) -> None:
    """Eight drive logs of one frame, the first of them held out."""
    names = [f"log_{number}" for number in range(100)]
    held_out = next(name for name in names if split_of(name) == "held_out")
    for number, name in enumerate([held_out, *(name for name in names if split_of(name) == "train")][:8]):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="night" if number % 2 else "day")
        box = (20.0, 20.0, 60.0, 50.0)
        with DriveLogWriter(folder / name, header) as writer:
            frame = np.full((64, 128, 3), 60 + 20 * number, np.uint8)
            writer.write(frame, FrameLabel(0.0, 5.0, 0.0, (VehicleLabel(0, "car", box, box, 9.0, 1.0),)))


@pytest.fixture
def provide(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], None]:
    """Makes the file that a word of a command names, where an earlier command would have made it.

    The test is in an empty folder from now on, but for `scenarios/` with one scenario and `checkpoints/tiny/`.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)
    Path("scenarios").mkdir()
    shutil.copy(made / "scenarios" / "cut_in_day.yaml", "scenarios")
    shutil.copytree(made / "tiny", "checkpoints/tiny")

    def make(word: str, is_footage: bool) -> None:
        path = Path(word)
        if path.exists():
            return
        if path.suffix == ".zarr":
            shutil.copytree(made / "cut_in_day.zarr", path)
        elif path.suffix == ".yaml" and (source := made / "scenarios" / path.name).is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, path)
        elif path.suffix == ".xosc":
            shutil.copy(ROOT / "tests/scenario/interchange/openscenario/cut_in.xosc", path)
        elif is_footage:
            shutil.copytree(made / "logs", path)
        elif word.startswith("checkpoints/") and word != "checkpoints/small":
            shutil.copytree(made / "tiny", path)

    return make
