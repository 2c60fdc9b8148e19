"""Every command line in README.md, CONTRIBUTING.md and docs/ is one that drivesim takes, and is run at tiny size.

A command of another program is compared with the file that it calls. A command of drivesim is read by its own parser,
then run on tiny checkpoints and short scenarios, once for all that have the same options, but for those in `ONLY_READ`.
Code between backticks in prose may be a part of a command, so it is only read.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivesim.cli.main import app
from drivesim.cli.train.train import STAGES
from drivesim.scenario import load_scenario

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
    "car_white": "Target",  # the vehicle of the file that takes the place of cut-in.xosc
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
    "ingest": ["--workers", "1"],
    "train": TRAINING[:-2],
    "train chain": [*TRAINING, *(f"--share={stage}=0" for stage in STAGES if stage not in ("autoencoder", "layouts"))],
    "evaluate reconstruction": SAMPLES,
    "evaluate vehicle_detector": SAMPLES,
    "evaluate frames": [*SAMPLES, "--steps", "1"],
    "evaluate adherence": [*SAMPLES, "--steps", "1"],
    "evaluate crowdedness": [*SAMPLES, "--steps", "1"],
    "evaluate sheet": [*SAMPLES, "--steps", "1"],
    "evaluate steering": ON_TINY_MODELS,
    "evaluate interpolation": [*ON_TINY_MODELS, "--gaps", "2"],
    "evaluate futures": [*ON_TINY_MODELS, "--starts", "2", "--futures", "1", "--seconds", "0.8"],
}
# Commands that are not run, each with the reason: their words and options are still read by the parser.
ONLY_READ = {
    "record --packed": "a shard holds 256 frames; tests/world/recording/test_packed_session.py makes small ones",
    "ingest nuscenes": "the data set is large; tests/data/ingest/formats/test_nuscenes.py makes a small one",
    "import USA_US101-1_1_T-1.xml": "the data set is not here; tests/scenario/interchange/logs makes a small log",
    "batch --ray": "a Ray cluster is started by tests/batch/test_ray_runner.py alone",
    "evaluate detection": "the detector comes from outside; tests/cli/evaluate/test_detection.py makes one",
    "evaluate compare": "two reports of one protocol are made by tests/cli/evaluate/test_evaluate.py",
    "evaluate video": "the logs here hold one clip; tests/cli/evaluate/test_video.py makes several",
    "evaluate interpolation --fast-data": "the logs here have 10 frames per second, and 40 are needed",
    "evaluate decoder": "the logs here hold one clip; tests/cli/evaluate/test_video.py makes several",
    "evaluate upsampler": "the logs here are too small; tests/cli/evaluate/test_video.py makes larger ones",
    "evaluate attributes": "the logs here show too few vehicles; tests/evaluation/attributes makes more",
    "train average": "it needs the snapshots of a training; tests/training/loop/test_chosen_average.py makes them",
    "export --format rerun": "rerun-sdk is an extra; the test of the export runs it",
    "adapt": "it measures before and after training; tests/cli/test_adapt.py runs it on tiny models",
    "train s3://bucket/logs": "the bucket is not there; tests/cli/train/test_train.py trains on footage at a URL",
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
    """The command without its arguments: `rollout`, `train chain`, `evaluate frames`."""
    return " ".join(arguments[: 2 if arguments[0] in ("evaluate", "train") else 1])


ALL = list(commands())
DRIVESIM = [command for command in ALL if command.words[0].removeprefix(".venv/bin/") == "drivesim"]
OTHERS = [command for command in ALL if command not in DRIVESIM]
RUN = list({command.shape: command for command in reversed(DRIVESIM) if command.whole}.values())[::-1]


def name(command: Command) -> str:
    return f"{command.page}:{command.line}: {command.text}"


def read(arguments: list[str], whole: bool) -> None:
    """Lets the program's parser read a command; fails for a command, an option or a value that it does not know."""
    command, context = typer.main.get_command(app), None
    if arguments == ["--install-completion"]:  # reading it would change the shell of whoever runs the tests
        assert any(arguments[0] in parameter.opts for parameter in command.params)
        return
    while True:
        last = not hasattr(command, "commands")
        try:
            context = command.make_context(command.name or "drivesim", list(arguments), parent=context)
        except typer.Exit:  # an option such as --help or --version
            return
        except Exception as error:
            if whole or type(error).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
                raise
            return  # code in prose may leave out what is required
        if last:
            return
        _, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])


def test_commands_are_found() -> None:
    assert {verb_of(command.arguments) for command in RUN} >= {"rollout", "validate", "batch", "record", "train chain"}


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("no-such-command", False),
        ("rollout --no-such-option", False),
        ("rollout FILE --out out --frames no-such-choice", True),
        ("evaluate no-such-figure", False),
        ("rollout --out out", True),
    ],
)
def test_a_wrong_command_is_not_taken(line: str, whole: bool) -> None:
    with pytest.raises(Exception, match=r"No such|Missing|is not"):
        read(line.split(), whole)


@pytest.mark.parametrize("command", DRIVESIM, ids=name)
def test_the_parser_takes_it(command: Command) -> None:
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
        beside = re.findall(r"^from (\w+) import", script.read_text(), re.M)
        parts = [script, *(path for part in beside if (path := script.with_name(f"{part}.py")).is_file())]
        known = "".join(path.read_text() for path in parts)
        assert all(re.search(rf"[\"']{option}[\"']", known) for option in options)
    elif program == "ray":
        assert arguments[0] == "start"
    elif program == "pre-commit":
        assert (ROOT / ".pre-commit-config.yaml").is_file()
    else:
        assert (ROOT / program).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_scenario_on_a_page_is_valid(
    page: Path, scenarios_on: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    for number, text in enumerate(scenarios_on(page)):
        (tmp_path / f"{number}.yaml").write_text(text)
        load_scenario(tmp_path / f"{number}.yaml")


@pytest.mark.parametrize("command", RUN, ids=name)
def test_it_runs(command: Command, provide: Callable[[str, bool], None]) -> None:
    for words, reason in ONLY_READ.items():
        if set(words.split()) <= {*command.arguments}:
            pytest.skip(reason)
    arguments, verb = command.arguments, verb_of(command.arguments)
    for before, word in pairwise(["", *arguments]):
        provide(word, before == "--data")
    small = [] if "--help" in arguments else SMALL.get(verb, SMALL.get(verb.partition(" ")[0], []))
    result = CliRunner().invoke(app, [*arguments, *small], catch_exceptions=False)
    assert result.exit_code == 0, result.output
