"""Time, page faults and memory of each stage of a rollout, and of each window.

python benchmarks/rollout.py [--checkpoints checkpoints/demo] [--preset fast] [--precision float32] [--threads 1]
                             [--windows 2] [--system-allocator]

Without checkpoints at that place, untrained networks of the size of the trained default are measured: they take as
long. Seconds of the processor are those of this process, its own (user) and the kernel's for it (system), and hardly
depend on what else the machine does, which wall-clock seconds do; peak memory is the largest resident size so far, on
a GPU what torch allocates there. The second table has the peak within each window, which later windows do not raise if
memory is bounded.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peak_memory import begin_peak, peak_gib
from rich.console import Console
from rich.table import Table

from drivesim.allocator import keep_freed_memory
from drivesim.assets import default_checkpoints
from drivesim.engine import Engine, EngineSettings, settings_named
from drivesim.models.checkpoints import BASE_OF, ROLES, build, save_checkpoint, sha256_of, write_manifest
from drivesim.models.precision import FLOAT32, PRECISIONS
from drivesim.models.presets import demo
from drivesim.scenario import Scenario


@dataclass(frozen=True)
class Usage:
    """What this process has used so far: seconds, and page faults that read no disk."""

    wall_s: float = 0.0
    user_s: float = 0.0
    system_s: float = 0.0
    faults: int = 0

    @classmethod
    def now(cls) -> Usage:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.monotonic(), used.ru_utime, used.ru_stime, used.ru_minflt)

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __sub__(self, other: Usage) -> Usage:
        return Usage(*(a - b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def untrained(folder: Path) -> Path:
    """A checkpoint folder of the demo preset with untrained networks."""
    preset = demo()
    for role in ROLES:
        base = sha256_of(folder / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
        save_checkpoint(folder / f"{role}.safetensors", build(role, preset), role, base)
    write_manifest(folder, preset)
    return folder


def measure(engine: Engine, scenario: Scenario, settings: EngineSettings, num_windows: int) -> tuple[Table, Table]:
    """Runs windows of one future and says what each stage took, and each window."""
    used: dict[str, Usage] = defaultdict(Usage)
    peak: dict[str, float] = {}
    calls: dict[str, int] = defaultdict(int)
    device = str(engine.device)
    largest, since = 0.0, Usage.now()

    def note(stage: str) -> None:
        nonlocal largest, since
        used[stage] += Usage.now() - since
        calls[stage] += 1
        largest = peak[stage] = max(largest, peak_gib(device))
        since = Usage.now()

    engine.compose(scenario, settings=settings)
    note("compose (one picture)")
    timeline, previous = engine.timeline(scenario, settings), None
    windows = Table("window", "frames", "wall s", "CPU s", "CPU s per frame", "peak GiB", title="windows")
    for window in range(num_windows):
        begin_peak(device)
        begun = Usage.now()
        latents = engine.future(scenario, settings=settings).predict(window, previous).latents
        note("first frame and predict" if window == 0 else "predict")
        for step in engine.future(scenario, settings=settings).render(window, latents, previous):
            note(step.stage)
        previous, total, frames = latents, Usage.now() - begun, len(timeline.frames(window))
        cpu_s = total.user_s + total.system_s
        numbers = f"{total.wall_s:.2f}", f"{cpu_s:.2f}", f"{cpu_s / frames:.3f}", f"{peak_gib(device):.3f}"
        windows.add_row(str(window), str(frames), *numbers)
    title = f"windows of {timeline.frames_per_window} frames, {timeline.fps:g} frames per second"
    stages = Table("stage", "calls", "wall s", "user s", "system s", "page faults", "peak GiB so far", title=title)
    for stage, total in used.items():
        row = f"{total.wall_s:.2f}", f"{total.user_s:.2f}", f"{total.system_s:.2f}", f"{total.faults:,}"
        stages.add_row(stage, str(calls[stage]), *row, f"{peak[stage]:.2f}")
    return stages, windows


def main() -> None:
    """Parses arguments, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=default_checkpoints())
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--precision", default=FLOAT32, choices=PRECISIONS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--system-allocator", action="store_true", help="leave the C library's allocator as it is")
    arguments = parser.parse_args()
    if not arguments.system_allocator:
        keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    scenario = Scenario.model_validate({"format": 1, "name": "bench", "time_of_day": "day", "duration_s": 60.0})
    with tempfile.TemporaryDirectory() as folder:
        trained = (arguments.checkpoints / "manifest.json").is_file()
        checkpoints = arguments.checkpoints if trained else untrained(Path(folder))
        engine = Engine.load(checkpoints, arguments.device, arguments.threads)
        settings = replace(settings_named(arguments.preset), precision=arguments.precision)
        tables = measure(engine, scenario, settings, arguments.windows)
    allocator = "as the C library has it" if arguments.system_allocator else "keeps freed memory"
    models = checkpoints if trained else "untrained"
    Console().print(f"{models}, {arguments.precision}, {arguments.threads} threads, allocator {allocator}")
    Console(width=110).print(*tables)


if __name__ == "__main__":
    main()
