"""Time and memory of each stage of a rollout.

python benchmarks/rollout.py [--checkpoints checkpoints/demo] [--preset fast] [--threads 1] [--windows 2]

Without checkpoints at that place, untrained networks of the size of the trained default are measured: they take as
long. CPU seconds are those of this process; peak memory is its largest resident size so far.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from drivesim.assets import default_checkpoints
from drivesim.engine import Engine, settings_named
from drivesim.models.checkpoints import BASE_OF, ROLES, build, save_checkpoint, sha256_of, write_manifest
from drivesim.models.presets import demo
from drivesim.scenario import Scenario


def untrained(folder: Path) -> Path:
    """A checkpoint folder of the demo preset with untrained networks."""
    preset = demo()
    for role in ROLES:
        base = sha256_of(folder / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
        save_checkpoint(folder / f"{role}.safetensors", build(role, preset), role, base)
    write_manifest(folder, preset)
    return folder


def measure(engine: Engine, scenario: Scenario, preset: str, num_windows: int) -> Table:
    """Runs windows of one future and tells what each stage took."""
    settings = settings_named(preset)
    wall, cpu, peak, calls = defaultdict(float), defaultdict(float), {}, defaultdict(int)
    clock = (time.monotonic(), time.process_time())

    def note(stage: str) -> None:
        nonlocal clock
        now = (time.monotonic(), time.process_time())
        wall[stage] += now[0] - clock[0]
        cpu[stage] += now[1] - clock[1]
        calls[stage] += 1
        peak[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        clock = (time.monotonic(), time.process_time())

    engine.compose(scenario, settings=settings)
    note("compose (one picture)")
    previous = None
    for window in range(num_windows):
        latents = engine.predict(scenario, window, previous, settings=settings).latents
        note("first frame and predict" if window == 0 else "predict")
        for step in engine.render(scenario, window, latents, previous, settings=settings):
            note(step.stage)
        previous = latents
    timeline = engine.timeline(scenario, settings)
    title = f"{preset}: windows of {timeline.frames_per_window} frames, {timeline.fps:g} frames a second"
    table = Table("stage", "times", "wall s each", "CPU s each", "peak GiB so far", title=title)
    for stage, count in calls.items():
        each = f"{wall[stage] / count:.2f}", f"{cpu[stage] / count:.2f}"
        table.add_row(stage, str(count), *each, f"{peak[stage]:.2f}")
    return table


def main() -> None:
    """Parses arguments, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=default_checkpoints())
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--windows", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    scenario = Scenario.model_validate({"format": 1, "name": "bench", "time_of_day": "day", "duration_s": 60.0})
    with tempfile.TemporaryDirectory() as folder:
        trained = (arguments.checkpoints / "manifest.json").is_file()
        checkpoints = arguments.checkpoints if trained else untrained(Path(folder))
        engine = Engine.load(checkpoints, arguments.device)
        table = measure(engine, scenario, arguments.preset, arguments.windows)
    Console().print(f"checkpoints: {checkpoints if trained else 'untrained'}, {arguments.threads} threads")
    Console().print(table)


if __name__ == "__main__":
    main()
