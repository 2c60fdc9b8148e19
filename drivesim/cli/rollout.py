"""`drivesim rollout`: the main job. A scenario file becomes an archive and videos."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, Self

import typer

from drivesim.cli.lines import console, description, print_json, say
from drivesim.cli.options import (
    CheckpointsOption,
    CrfOption,
    Device,
    DeviceOption,
    FramesOption,
    FrameStorage,
    FuturesOption,
    GateOption,
    IndexOption,
    JsonOption,
    Precision,
    PrecisionOption,
    Preset,
    PresetOption,
    SeedOption,
    ThreadsOption,
    WorkersOption,
    chosen_device,
    default_workers,
    warn_where_slow,
)
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.rollout.job import RolloutJob


def rollout(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="Folder for the archive, the videos and the pictures.")],
    seed: SeedOption = None,
    futures: FuturesOption = None,
    future: Annotated[
        int | None,
        typer.Option(min=0, max=63, help="Make only the future with this number.", show_default="all futures"),
    ] = None,
    index: IndexOption = None,
    preset: PresetOption = Preset.fast,
    checkpoints: CheckpointsOption = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = 1,
    workers: WorkersOption = None,
    frames: FramesOption = FrameStorage.lossless,
    crf: CrfOption = 20,
    gate: GateOption = 1,
    precision: PrecisionOption = Precision.float32,
    as_json: JsonOption = False,
) -> None:
    """Make the futures of a scenario as videos.

    The archive is OUT/NAME.zarr; videos, posters, a contact sheet and the page report.html are in the folder OUT/NAME.

    Running the same command again continues where the last run stopped.
    """
    from drivesim.assets import default_checkpoints
    from drivesim.cli.validate import unheeded_parts
    from drivesim.rollout.job import RolloutJob
    from drivesim.scenario import load_case

    scenario = load_case(file, index)
    device_name, checkpoints = chosen_device(device), checkpoints or default_checkpoints()
    for sentence in unheeded_parts(scenario, checkpoints):
        say(f"{file}: warning: {sentence}", err=True)
    job = RolloutJob(
        scenario,
        out,
        checkpoints,
        seed=scenario.seed if seed is None else seed,
        futures=futures or scenario.futures,
        preset=preset.value,
        device=device_name,
        threads=threads,
        workers=workers or default_workers(device_name, threads),
        frame_storage=frames.value,
        crf=crf,
        gate=gate,
        precision=precision.value,
        only=future,
    )
    run_and_tell(job, as_json, _command(file, index, job))


def _command(file: Path, index: int | None, job: RolloutJob) -> str:
    """Returns the command that makes the same rollout, with everything said that decides its bits."""
    words = ["drivesim", "rollout", str(file), *(() if index is None else ("--index", str(index)))]
    words += ["--out", str(job.out), "--seed", str(job.seed), "--futures", str(job.futures), "--preset", job.preset]
    words += ["--checkpoints", str(job.checkpoints), "--device", job.device, "--threads", str(job.threads)]
    words += ["--gate", str(job.gate), "--precision", job.precision]
    return shlex.join(words)


def run_and_tell(job: RolloutJob, as_json: bool, command: str) -> None:
    """Runs a job, shows how far it is on stderr, then says on stdout what was made.

    Args:
        job: The job.
        as_json: Whether it is said as JSON.
        command: The command that makes the same again, for the page.
    """
    from drivesim.rollout.page import write_page

    warn_where_slow(job.frames_precision or job.precision, job.device)
    start = time.monotonic()
    written = _run(job)
    if job.frame_storage == "lossless" and (page := write_page(job, command)) is not None:
        written.append(page)
    seconds = round(time.monotonic() - start, 1)
    if as_json:
        result = {"archive": str(job.archive_path), "previews": str(job.preview_folder), "seed": job.seed}
        result |= {"futures": job.futures, "made": list(job.made_futures)}
        result |= {"written": [str(path) for path in written], "seconds": seconds}
        print_json(result)
    else:
        futures = counted(job.futures, "future") if job.only is None else f"future {job.only}"
        say(f"{job.archive_path}: {futures} of {job.scenario.duration_s:g} s, made in {seconds} s")
        for path in written:
            say(path)


def _run(job: RolloutJob) -> list[Path]:
    """Runs a job; returns the previews that were written."""
    from drivesim.engine import Progress
    from drivesim.rollout.running import Committed, Opened, PreviewWritten, run_rollout

    written: list[Path] = []
    with shown_progress(job.made_futures) as shown:
        for event in run_rollout(job):
            match event:
                case Opened():
                    shown.begin(event.num_windows, {future: event.committed[future] for future in job.made_futures})
                case Progress():
                    shown.advance(event.future, event.window, event.stage, event.fraction)
                case Committed():
                    shown.finish(event.future, event.window)
                case PreviewWritten():
                    written.append(event.path)
    return sorted(written)


def shown_progress(futures: Sequence[int]) -> ShownProgress:
    """Returns a context in which the windows of futures are shown on stderr as they are made."""
    return _Bars(futures) if sys.stderr.isatty() else _Lines()


class ShownProgress(Protocol):
    """Shows how many windows of futures are made."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def begin(self, num_windows: int, committed: Mapping[int, int]) -> None:
        """Says how many windows each future has, and how many of them are there already."""
        ...

    def advance(self, future: int, window: int, stage: str, fraction: float) -> None:
        """Says how much of a window is done, and by which stage."""
        ...

    def finish(self, future: int, window: int) -> None:
        """Says that a window is made."""
        ...


class _Bars:
    """A progress bar per future, with the time it took and the time left."""

    def __init__(self, futures: Sequence[int]) -> None:
        from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

        columns = (description("{task.description:<34}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console(), speed_estimate_period=300)
        self._tasks = {future: self._bars.add_task(f"future {future}  starting", total=1) for future in futures}
        self._parts: dict[tuple[int, int], float] = {}
        self._num_windows = 1

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, num_windows: int, committed: Mapping[int, int]) -> None:
        self._num_windows = num_windows
        for future, count in committed.items():
            self._parts |= {(future, window): 1.0 for window in range(count)}
            self._bars.update(self._tasks[future], total=num_windows, completed=count)

    def advance(self, future: int, window: int, stage: str, fraction: float) -> None:
        self._parts[future, window] = fraction
        text = f"future {future}  window {window + 1}/{self._num_windows}  {stage}"
        done = sum(part for (of_future, _), part in self._parts.items() if of_future == future)
        self._bars.update(self._tasks[future], description=text, completed=done)

    def finish(self, future: int, window: int) -> None:
        self._parts[future, window] = 1.0


class _Lines:
    """Progress as one line per finished window, for a stderr that is not a terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, num_windows: int, committed: Mapping[int, int]) -> None:
        self._started_s = time.monotonic()
        self._num_windows = num_windows
        self._left = num_windows * len(committed) - sum(committed.values())
        self._made = 0

    def advance(self, future: int, window: int, stage: str, fraction: float) -> None:
        pass

    def finish(self, future: int, window: int) -> None:
        self._made += 1
        self._left -= 1
        left_s = (time.monotonic() - self._started_s) / self._made * self._left
        say(f"future {future}: window {window + 1} of {self._num_windows} done, {in_words(left_s)} left", err=True)


def in_words(seconds: float) -> str:
    """Returns a duration for people, such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
