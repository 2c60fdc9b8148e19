"""Every command line in README.md, CONTRIBUTING.md and docs/ is one that drivesim takes, and is run at tiny size.

A command of another program is compared with the file that it calls. A command of drivesim is read by the program's own
parser; then it is run on tiny checkpoints and short scenarios, once for each command with the same options, but for those
in `ONLY_READ`. Code between backticks in prose may be a part of a command, so it is only read.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.engine import Engine
from drivesim.rollout.job import RolloutJob, run_rollout
from drivesim.scenario import load_scenario
from drivesim.training.loop import metrics

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHER_PROGRAMS = {"make", "pip", "python", "torchrun", "ray", "pre-commit", ".ci/run", "checkpoints/train_on_gpu.sh"}

# What a capital word in a command stands for.
PLACEHOLDERS = {
    "FILE": "scenarios/cut_in_day.yaml",
    "FILES": "scenarios/cut_in_day.yaml",
    "FILE.xosc": "cut-in.xosc",
    "ARCHIVE": "out/cut_in_day.zarr",
    "NAME": "my_scenario",
    "T": "cut_in_day",
    "STAGE": "autoencoder",
    "DATA": "logs",
    "COMMAND": "rollout",
    "M": "1",
    "N": "2",
}
# Options that make a command small; where an option is given twice, the last one counts.
ON_TINY_MODELS = ["--checkpoints", "checkpoints/tiny", "--device", "cpu"]
SAMPLES = [*ON_TINY_MODELS, "--split", "all", "--samples", "4"]
TRAINING = ["--preset", "tiny", "--steps", "1", "--threads", "1", "--record-workers", "0"]
SMALL = {
    "compose": [*ON_TINY_MODELS, "--threads", "1"],
    "rollout": [*ON_TINY_MODELS, "--workers", "1", "--futures", "1"],
    "batch": [*ON_TINY_MODELS, "--workers", "1", "--futures", "1", "--seeds", "1"],
    "render": [*ON_TINY_MODELS[:2], "--workers", "1"],
    "export": ON_TINY_MODELS[:2],
    "doctor": ON_TINY_MODELS[:2],
    "record": ["--logs", "1", "--frames", "2", "--size", "32x64", "--supersample", "1", "--workers", "1"],
    "train": TRAINING[:-2],
    "train chain": [*TRAINING, "--share", "image=0", "--share", "prediction=0", "--share", "interpolation=0"]
    + ["--share", "decoder=0", "--share", "upsampler_image=0", "--share", "upsampler=0", "--share", "reader=0"],
    "evaluate reconstruction": SAMPLES,
    "evaluate reader": SAMPLES,
    "evaluate frames": [*SAMPLES, "--steps", "1"],
    "evaluate adherence": [*SAMPLES, "--steps", "1"],
    "evaluate crowdedness": [*SAMPLES, "--steps", "1"],
    "evaluate sheet": [*SAMPLES, "--steps", "1"],
    "evaluate steering": ON_TINY_MODELS,
}
# Commands that are not run, each with the reason: their words and options are still read by the parser.
ONLY_READ = {
    "batch --ray": "a Ray cluster is started by tests/batch/test_ray_runner.py alone",
    "evaluate detection": "the detector comes from outside; tests/cli/evaluate/test_detection.py makes one",
    "evaluate compare": "two reports of one protocol are made by tests/cli/evaluate/test_evaluate.py",
    "export --format rerun": "rerun-sdk is an extra; the test of the export runs it",
    "ui": "serves a page until it is stopped",
}


@dataclass(frozen=True)
class Command:
    """A command line as a page shows it. `whole`: from a block of code, where nothing is left out."""

    page: str
    line: int
    text: str
    whole: bool

    @property
    def words(self) -> list[str]:
        """The words with values in place of capital ones."""
        words = (word.removesuffix("...") for word in shlex.split(self.text))
        return [PLACEHOLDERS.get(word, word) for word in words]

    @property
    def arguments(self) -> list[str]:
        """What follows the program."""
        return self.words[1:]

    @property
    def shape(self) -> tuple[str, ...]:
        """Command and options without their values: commands of the same shape do the same on other files."""
        return (verb_of(self.arguments), *sorted(word for word in self.arguments if word.startswith("--")))


def commands() -> Iterator[Command]:
    for page in PAGES:
        fenced = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            place = (page.relative_to(ROOT).as_posix(), number)
            if line.lstrip().startswith("```"):
                fenced = not fenced
            elif fenced or line.startswith("    "):
                text = without_remark(line.strip().removeprefix("$ "))
                if is_command(text):
                    yield Command(*place, text, True)
            else:
                spans = re.findall(r"`([^`]+)`", line)
                yield from (Command(*place, span, False) for span in spans if is_command(span) and " " in span)


def is_command(text: str) -> bool:
    program = text.partition(" ")[0].removeprefix(".venv/bin/")
    return program == "drivesim" or program in OTHER_PROGRAMS


def without_remark(line: str) -> str:
    """A command without the words beside it, which stand two spaces or more to the right."""
    first, *others = re.split(r"\s{2,}", line)
    parts = [first]
    for part in others:
        word = part.partition(" ")[0]
        if not word.startswith("-") and not re.search(r"[/.]\w|\w/$", word):
            break
        parts.append(part)
    return " ".join(parts).partition(" # ")[0]


def verb_of(arguments: list[str]) -> str:
    return " ".join(arguments[: 2 if arguments[0] in ("evaluate", "train") and arguments[1:2] != ["STAGE"] else 1])


ALL = list(commands())
DRIVESIM = [command for command in ALL if command.words[0].removeprefix(".venv/bin/") == "drivesim"]
OTHERS = [command for command in ALL if command not in DRIVESIM]
RUN = list({command.shape: command for command in reversed(DRIVESIM) if command.whole}.values())[::-1]


def name(command: Command) -> str:
    return f"{command.page}:{command.line}: {command.text}"


def read(arguments: list[str], whole: bool) -> None:
    """Lets the program's parser read a command; fails for a command, an option or a value that it does not know."""
    command, context = typer.main.get_command(app), None
    while True:
        last = not hasattr(command, "commands")
        try:
            context = command.make_context(command.name or "drivesim", list(arguments), parent=context)
        except typer.Exit:  # an option such as --help or --version
            return
        except Exception as error:
            left_out = type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
            assert left_out and not whole, f"{type(error).__name__}: {error}"
            return
        if last:
            return
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])


def test_commands_are_found() -> None:
    assert {verb_of(command.arguments) for command in RUN} >= {"rollout", "validate", "batch", "record", "train chain"}


@pytest.mark.parametrize("command", DRIVESIM, ids=name)
def test_the_parser_takes_it(command: Command, capsys: pytest.CaptureFixture) -> None:
    read(command.arguments, command.whole)


@pytest.mark.parametrize("command", OTHERS, ids=name)
def test_another_program_finds_what_it_calls(command: Command) -> None:
    program, *arguments = command.words
    if program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
        variables = re.findall(r"^(\w+) \?=", (ROOT / "Makefile").read_text(), re.M)
        assert all(word.partition("=")[0] in (variables if "=" in word else targets) for word in arguments)
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert re.fullmatch(r"install drivesim\[(\w+)\]", " ".join(arguments))[1] in extras
    elif program == "torchrun":
        read(arguments[arguments.index("drivesim") + 1 :], command.whole)
    elif program == "python":
        script = ROOT / arguments[0]
        options = [word.strip("[]") for word in arguments if word.strip("[]").startswith("--")]
        known = script.read_text()
        assert all(re.search(rf"[\"']{option}[\"']", known) for option in options)
    elif program == "ray":
        assert command.page == "docs/batch.md"
    elif program == "pre-commit":
        assert (ROOT / ".pre-commit-config.yaml").is_file()
    else:
        assert (ROOT / program).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_scenario_on_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(scenarios_on(page)):
        (tmp_path / f"{number}.yaml").write_text(text)
        load_scenario(tmp_path / f"{number}.yaml")


@pytest.mark.parametrize("command", RUN, ids=name)
def test_it_runs(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = verb_of(command.arguments)
    unread = [why for shape, why in ONLY_READ.items() if set(shape.split()) <= {*command.arguments}]
    if unread:
        pytest.skip(unread[0])
    arguments = list(command.arguments)
    small = [] if "--help" in arguments else SMALL.get(verb, SMALL.get(verb.partition(" ")[0], []))
    for word in arguments:
        provide(word, place)
    if verb == "batch":
        arguments = [word for word in arguments if not word.endswith(".yaml")]
    result = CliRunner().invoke(app, [*arguments, *small], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def scenarios_on(page: Path) -> list[str]:
    """The scenario files that a page shows as a whole."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [block for block in blocks if re.search(r"^format: 1$", block, re.M)]


def short(text: str) -> str:
    """A scenario of one window and one step, with few cases."""
    text = re.sub(r"^duration_s:.*", "duration_s: 0.4", text, flags=re.M)
    return re.sub(r"^  count:.*", "  count: 8", text, flags=re.M) + "sampling: {steps: 1}\n"


@pytest.fixture(scope="module")
def models(tiny_checkpoints_with_layouts: Path) -> Path:
    return tiny_checkpoints_with_layouts


@pytest.fixture(scope="module")
def made(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What earlier commands have left: `scenarios`, `archive.zarr` and `logs`."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "scenarios").mkdir()
    shown = [text for page in PAGES for text in scenarios_on(page)]
    shipped = [file.read_text() for file in sorted((ROOT / "scenarios").glob("*.yaml"))]
    for text in [*shipped, *shown]:
        (folder / "scenarios" / f"{yaml.safe_load(text)['name']}.yaml").write_text(short(text))
    scenario = load_scenario(folder / "scenarios" / "cut_in_day.yaml")
    list(run_rollout(RolloutJob(scenario, folder, models, seed=0, futures=1), Engine.load(models)))
    for number in range(8):
        header = DriveLogLabels("test", 10.0, 128, 64, time_of_day="night" if number % 2 else "day")
        box = (20.0, 20.0, 60.0, 50.0)
        with DriveLogWriter(folder / "logs" / f"log_{number}", header) as writer:
            frame = np.full((64, 128, 3), 60 + 20 * number, np.uint8)
            writer.write(frame, FrameLabel(0.0, 5.0, 0.0, (VehicleLabel(0, "car", box, box, 9.0, 1.0),)))
    return folder


@pytest.fixture
def place(made: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a command runs, with the files that pages suppose, each made by an earlier command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)
    shutil.copytree(models, tmp_path / "checkpoints" / "tiny")
    (tmp_path / "scenarios").mkdir()
    shutil.copy(made / "scenarios" / "cut_in_day.yaml", tmp_path / "scenarios")
    sources = tmp_path / "made"
    sources.symlink_to(made)
    return tmp_path


def provide(word: str, place: Path) -> None:
    """Makes the file or folder that a word of a command names, where it names one that an earlier command made."""
    path = place / word
    if path.exists() or word.startswith("-"):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zarr":
        shutil.copytree(place / "made" / "cut_in_day.zarr", path)
    elif path.suffix == ".yaml" and (source := place / "made" / "scenarios" / path.name).is_file():
        shutil.copy(source, path)
    elif path.suffix == ".xosc":
        shutil.copy(ROOT / "tests/scenario/interchange/openscenario/cut_in.xosc", path)
    elif word in ("logs", "footage", "held_out", "data"):
        shutil.copytree(place / "made" / "logs", path)
    elif word.startswith("checkpoints/") and word != "checkpoints/small":
        shutil.copytree(place / "checkpoints" / "tiny", path)
