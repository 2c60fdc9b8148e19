"""Every verb and option with values that cannot be right: no traceback, no hang, nothing raw on the terminal.

Verbs and options come from the definition of the command line, so that a new option is tried without a word here; a new
verb needs valid arguments below, beside which one hostile value at a time is tried. Each verb is walked in a process of
its own, which ends if one command takes too long.
"""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import json
import os
import re
import shutil
import stat
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from drivesim.cli import main as program
from drivesim.errors import DrivesimError

LIMIT_S = 60.0
"""How long one command may take. Nearly all take milliseconds, but the machine may be busy."""
EXIT_CODES = {0, 1, 2, 3}

NUMBERS = ("nan", "inf", "-inf", "-1e400", "1" + "0" * 20, "-1" + "0" * 20, "1e20", "[/b]", "\x1b[31m", "9" * 5000, "")
TEXTS = ("[/b]", "\x1b[2J\x07", "two\nlines", "n" * 300, "caf\udce9", "../../x", "/", "nan", "")
ODD_NAMES = ("[/b]", "[red]x[/red]", "\x1b[31mred", "two\nlines", "caf\udce9", "n" * 240)

SCENARIO = """\
format: 1
name: short
boxes:
  - {category: car, xyxy: [400, 260, 520, 340]}
duration_s: 0.4
sampling: {steps: 1}
futures: 1
"""
SWEEP = SCENARIO + "sweep: {method: grid, vary: {time_of_day: {choice: [day, night]}}}\n"
CSV = "time,id,x,y,heading,length,width,category\n" + "".join(
    f"{time / 10},{number},{10 * number + time},{number},0,4.5,1.8,car\n" for time in range(20) for number in range(2)
)


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every verb by its words; of verbs that one function makes, such as those of the stages, the first one."""
    for name, found in getattr(command, "commands", {}).items():
        if hasattr(found, "commands"):
            yield from verbs(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


def of_functions(found: dict[str, Any]) -> dict[str, Any]:
    verb_of = {inspect.unwrap(command.callback).__code__: verb for verb, command in reversed(found.items())}
    return {verb: found[verb] for verb in found if verb in verb_of.values()}


ROOT: Any = typer.main.get_command(program.app)
VERBS = of_functions(dict(verbs(ROOT)))


def valid_arguments(verb: str, at: Path) -> dict[str, str]:
    """Arguments with which a verb succeeds quickly, or ends after it has looked at most of them."""
    scenario, empty, archive, models = (str(at / name) for name in ("a.yaml", "empty", "out/short.zarr", "models"))
    made_with = {"checkpoints": models, "device": "cpu"}
    arguments = {
        "new": {"name": "mine"},
        "validate": {"files": scenario, "paths": scenario},
        "schema": {},
        "import": {"file": str(at / "tracks.csv"), "ego": "0"},
        "expand": {"file": str(at / "sweep.yaml")},
        "preview": {"file": scenario, "out": "previews"},
        "compose": {"file": scenario, "out": "first.png", **made_with},
        "rollout": {"file": scenario, "out": str(at / "out"), **made_with},
        "batch": {"paths": scenario, "out": str(at / "batch"), "workers": "1", **made_with},
        "render": {"archive": archive, "out": str(at / "rendered"), "checkpoints": models},
        "ui": {"auth_file": str(at / "nowhere")},
        "inspect": {"archive": archive},
        "check": {"archive": archive},
        "export": {"archive": archive, "format": "png", "out": "exported", "checkpoints": models},
        "record": {"out": "recorded", "minutes": "0.001", "frames": "2", "size": "128x256", "workers": "1"},
        "ingest": {"format": "images", "path": empty, "out": "ingested"},
        "compress": {"checkpoints": empty, "out": "small"},
        "doctor": {"checkpoints": models},
        "adapt": {"data": empty, "out": "adapted", "minutes": "1", "plan": "", "init": models},
        "train chain": {"data": empty, "out": "trained", "minutes": "1", "preset": "tiny", "plan": ""},
        "train average": {"stage": "image", "out": empty, "length": "0.1"},
        "train autoencoder": {"data": empty, "out": "trained", "preset": "tiny", "steps": "0"},
        "evaluate compare": {"first": str(at / "report.json"), "second": str(at / "report.json")},
        "evaluate steering": {"archives": archive, **made_with},
        "evaluate sheet": {"data": empty, "out": "sheet.png", **made_with},
    }
    if verb in arguments:
        return arguments[verb]
    assert verb.startswith("evaluate "), f"say with which arguments {verb} is tried"
    return {"data": empty, **made_with}


def command_line(command: Any, arguments: dict[str, str]) -> list[str]:
    words = []
    for param in command.params:
        if param.name not in arguments:
            continue
        if param.param_type_name == "option":
            words.append(param.opts[0])
        if param.param_type_name != "option" or not param.is_flag:
            words.append(arguments[param.name])
    return words


def is_path(param: Any) -> bool:
    return "Path" in str(param.type_descriptor.annotation)


def is_number(param: Any) -> bool:
    kind = str(param.type_descriptor.annotation)
    return "int" in kind or "float" in kind


def hostile_values(param: Any, valid: str | None) -> Iterator[str]:
    """Values for one option or argument; files are made in the current folder."""
    if is_path(param):
        yield from hostile_paths(valid)
    elif is_number(param):
        yield from NUMBERS
    elif "bool" not in str(param.type_descriptor.annotation):
        yield from TEXTS


def hostile_paths(valid: str | None) -> Iterator[str]:
    here = Path.cwd()
    os.mkfifo(here / "pipe")
    (here / "device").symlink_to("/dev/zero")
    with contextlib.suppress(PermissionError):  # only root may
        os.mknod(here / "node", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    for name, target in (("link", "nowhere"), ("to_pipe", "pipe"), ("loop", "loop")):
        (here / name).symlink_to(target)
    (here / "empty").mkdir()
    (here / "file").touch()
    folder = here / "of_pipes"
    folder.mkdir()
    for name in (
        "manifest.json",
        "drivesim.json",
        "zarr.json",
        "labels.json",
        "video.mp4",
        "a.yaml",
        "manifest.json.lock",
    ):
        os.mkfifo(folder / name)
    yield from sorted(os.listdir())
    yield from ("", "pipe/inside", "n" * 300, "d/" * 2500 + "n", "nowhere/[/b]", "nowhere/\x1b[31m")
    ending = Path(valid).suffix if valid else ""
    for name in ODD_NAMES:
        odd = here / (name + ending)
        odd.parent.mkdir(exist_ok=True)
        if valid is not None and Path(valid).exists():
            odd.symlink_to(valid)
        yield str(odd.relative_to(here))


def cases(command: Any, valid: dict[str, str]) -> Iterator[tuple[str, list[str], set[int]]]:
    """Titles, arguments, and the exit codes that they may have."""
    yield "valid arguments", command_line(command, valid), EXIT_CODES
    for param in command.params:
        folder = Path.cwd().parent / param.name
        folder.mkdir()
        os.chdir(folder)
        for value in hostile_values(param, valid.get(param.name)):
            refused = value == "" if is_path(param) else is_number(param)
            codes = {2} if refused else EXIT_CODES
            yield f"{param.name} = {value[:60]!r}", command_line(command, {**valid, param.name: value}), codes


def problems_of(words: list[str], log: Path, codes: set[int] = EXIT_CODES) -> Iterator[str]:
    """Runs a command in this process, whose output goes to a file; yields what is wrong with how it ends."""
    code: object = None
    with log.open("wb", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))  # noqa: SIM115
    sys.stderr.reconfigure(errors="backslashreplace", line_buffering=True)
    sys.argv = ["drivesim", *words]
    faulthandler.dump_traceback_later(LIMIT_S, exit=True, file=sys.__stderr__)
    try:
        program.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.flush()
        sys.stderr.flush()
    content = log.read_bytes()
    text = content.decode("utf-8", errors="replace")
    if code not in codes or "Traceback (most recent call last)" in text:
        yield f"ended with {code}:\n{text[-1500:]}"
    raw = re.sub(r"[^\S\n]", " ", text).replace("\n", "")
    if not raw.isprintable():
        yield f"shows raw characters: {content[:1500]!r}"


@pytest.fixture(scope="module")
def resources(tiny_checkpoints_with_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenarios, models, and a rollout, a batch and a rendering that are finished, so that they are only looked at."""
    at = tmp_path_factory.mktemp("resources")
    (at / "empty").mkdir()
    (at / "a.yaml").write_text(SCENARIO)
    (at / "sweep.yaml").write_text(SWEEP)
    (at / "tracks.csv").write_text(CSV)
    report = {"format": 2, "evaluation": "frames", "subject": {}, "protocols": {}, "figures": []}
    (at / "report.json").write_text(json.dumps(report))
    shutil.copytree(tiny_checkpoints_with_detector, at / "models")
    (at / "first").mkdir()

    child = os.fork()
    if child == 0:
        compute_in_this_process()
        wrong = []
        for verb in ("rollout", "batch", "render"):
            wrong += problems_of([verb, *command_line(VERBS[verb], valid_arguments(verb, at))], at / "log")
        (at / "wrong").write_text("\n".join(wrong))
        os._exit(len(wrong))
    assert os.waitpid(child, 0)[1] == 0, (at / "wrong").read_text()
    return at


def compute_nothing() -> None:
    """Ends every computation with an error: what a verb does with its arguments happens before or without it."""
    from drivesim.batch import local_runner
    from drivesim.engine import Engine
    from drivesim.evaluation.metrics import features
    from drivesim.rollout import running
    from drivesim.world.recording import log_session

    def fail(*_: object, **__: object) -> Any:
        raise DrivesimError("nothing is computed in this test")

    class NoWorkers(contextlib.nullcontext):
        def __init__(self, *_: object) -> None:
            super().__init__(self)

        def all_reports(self) -> Iterator[Any]:
            return iter(())

    real_run_batch = local_runner.run_batch
    local_runner.run_batch = lambda plan, workers, limits=None: real_run_batch(plan, workers, work=fail)
    running.windows_from_workers = Engine.compose = features.EfficientNetLite0.__init__ = fail
    log_session.RecordWorkers = NoWorkers


def compute_in_this_process() -> None:
    """Samples with the tiny models at once: starting Python anew for each worker would take seconds per command."""
    import torch

    from drivesim.batch import local_runner
    from drivesim.batch.attempt import engine_work
    from drivesim.engine import Engine
    from drivesim.rollout import running

    def windows(spec: Any, timeline: Any, starts: list[Any], num_workers: int) -> Iterator[Any]:
        engine = Engine.load(spec.checkpoints, spec.device)
        yield from engine.windows(spec.scenario, starts, spec.seed, spec.settings, spec.with_frames)

    def run_batch(plan: Any, num_workers: int, limits: Any = local_runner.DEFAULT_LIMITS) -> Iterator[Any]:
        yield from real_run_batch(plan, num_workers, limits, engine_work(plan.common))

    torch.set_num_threads(1)
    real_run_batch = local_runner.run_batch
    running.windows_from_workers, local_runner.run_batch = windows, run_batch


@pytest.fixture(scope="module", autouse=True)
def _one_definition() -> Iterator[None]:
    """The commands are built once, not for each call."""
    patch = pytest.MonkeyPatch()
    patch.setattr(program, "app", ROOT)
    yield
    patch.undo()


@pytest.mark.parametrize("verb", VERBS)
def test_no_value_of_an_option_brings_down_a_verb(
    verb: str, resources: Path, tmp_path: Path, in_child: Callable
) -> None:
    command, log, found, trying = VERBS[verb], tmp_path / "log", tmp_path / "found.json", tmp_path / "trying"

    def walk() -> None:
        compute_nothing()
        problems = {}
        here = tmp_path / "here"
        here.mkdir()
        os.chdir(here)
        for title, words, codes in cases(command, valid_arguments(verb, resources)):
            trying.write_text(title)
            if wrong := list(problems_of([*verb.split(), *words], log, codes)):
                problems[title] = wrong
        found.write_text(json.dumps(problems))

    code = in_child(walk).wait()
    ended = f"{verb} with {trying.read_text()} takes too long, or ended the process ({code})"
    assert found.exists(), f"{ended}:\n{log.read_text(errors='replace')[-3000:]}"
    problems = json.loads(found.read_text())
    assert not problems, "\n".join(f"{title}: {text}" for title, texts in problems.items() for text in texts)
