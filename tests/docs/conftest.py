"""The folder in which command lines of the documentation run, with what they suppose to be there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from drivesim.data.drive_log import DriveLogWriter, split_of
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.engine import Engine
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import load_scenario
from drivesim.training.loop import metrics

ROOT = Path(__file__).parents[2]
Pages = tuple[Path, ...]
RECORDINGS = ("recordings/", "udacity_ch2")
"""Folders of videos that commands name."""


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
    """Eight drive logs: the first is held out and lasts two seconds, the others have one frame."""
    names = [f"log_{number}" for number in range(100)]
    held_out = next(name for name in names if split_of(name) == "held_out")
    for number, name in enumerate([held_out, *(name for name in names if split_of(name) == "train")][:8]):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="night" if number % 2 else "day")
        box = (20.0, 20.0, 60.0, 50.0)
        with DriveLogWriter(folder / name, header) as writer:
            frame = np.full((64, 128, 3), 60 + 20 * number, np.uint8)
            for moment in range(20 if name == held_out else 1):
                writer.write(frame, FrameLabel(moment / 10, 5.0, 0.0, (VehicleLabel(0, "car", box, box, 9.0, 1.0),)))


def _film(path: Path) -> None:
    """A video of two seconds, in which a dark box moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 256, 128, "yuv420p"
        for number in range(20):
            picture = np.full((128, 256, 3), 200, np.uint8)
            picture[40:80, 10 * number : 10 * number + 40] = 20
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


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
        elif path.suffix == ".csv":
            path.write_text(_tracks(ego=12, other=13))
        elif word in RECORDINGS:
            path.mkdir()
            _film(path / "drive_4.mp4")
        elif is_footage:
            shutil.copytree(made / "logs", path)
        elif word.startswith("checkpoints/") and word != "checkpoints/small":
            shutil.copytree(made / "tiny", path)

    return make


def _tracks(ego: int, other: int) -> str:
    """A log of places: two cars on a straight road, one 30 m ahead of the other, at 10 m/s for 4 s."""
    rows = ["time,id,x,y,heading,length,width,category"]
    for step in range(41):
        rows += [f"{step / 10},{number},{step + ahead},0,0,4.5,1.8,car" for number, ahead in ((ego, 0), (other, 30))]
    return "\n".join(rows) + "\n"
