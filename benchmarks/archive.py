"""What the archive of a rollout costs: its share of the CPU time, its size, and what the options change.

python benchmarks/archive.py [--scenario scenarios/dense_day_traffic.yaml] [--seconds 4] [--preset fast]

A future is made with frames and a second time without, by one engine in this process. CPU seconds are those of all
threads of this process. The videos are made again from the archive, at several qualities.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from drivesim.archive import open_archive
from drivesim.archive.export import write_mp4
from drivesim.assets import default_checkpoints
from drivesim.engine import Engine
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import Committed, Opened, PreviewWritten, run_rollout
from drivesim.scenario import load_scenario

AIM_SHARE, AIM_BYTES = 0.05, 60e6
QUALITIES = (12, 16, 20, 24, 28, 32)
OF_THE_ARCHIVE = ("open", "commit", "video", "pictures")


def cpu_by_stage(job: RolloutJob, engine: Engine) -> dict[str, float]:
    """Runs a job; CPU seconds of each stage of the engine and of each part of the archive's work."""
    seconds: dict[str, float] = defaultdict(float)
    clock = time.process_time()
    for event in run_rollout(job, engine):
        match event:
            case Opened():
                stage = "open"
            case Committed():
                stage = "commit"
            case PreviewWritten():
                stage = "video" if event.path.suffix == ".mp4" else "pictures"
            case _:
                stage = event.stage
        now = time.process_time()
        seconds[stage] += now - clock
        clock = now
    return dict(seconds)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )


def stages_table(seconds: dict[str, float]) -> Table:
    """CPU seconds and share of each stage, and of the archive's parts together."""
    total = sum(seconds.values())
    table = Table("part", "CPU s", "share", title="CPU of a future with frames")
    for stage, value in seconds.items():
        table.add_row(stage, f"{value:.2f}", f"{value / total:.2%}")
    share = sum(seconds.get(part, 0.0) for part in OF_THE_ARCHIVE) / total
    verdict = "within" if share <= AIM_SHARE else "over"
    table.add_row("archive and previews", f"{share * total:.2f}", f"{share:.2%}, {verdict} {AIM_SHARE:.0%}")
    return table


def main() -> None:
    """Parses arguments, measures, prints tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=Path, default=default_checkpoints())
    parser.add_argument("--scenario", type=Path, default=Path("scenarios/dense_day_traffic.yaml"))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    scenario = load_scenario(arguments.scenario).model_copy(update={"duration_s": arguments.seconds})
    engine, console = Engine.load(arguments.checkpoints, threads=arguments.threads), Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = RolloutJob(scenario, folder / "lossless", arguments.checkpoints, 0, futures=1, preset=arguments.preset)
        console.print(stages_table(cpu_by_stage(job, engine)))
        alone = replace(job, out=folder / "none", frames="none")
        seconds = sum(cpu_by_stage(alone, engine).values())
        archive = open_archive(job.archive_path)
        num_frames = len(archive.rollouts[0].frames)
        table = Table("kept", "MB", "kB a frame", "CPU s", title=f"size of {num_frames} frames, 1 future")
        lossless = size_of(job.archive_path)
        verdict = "within" if lossless <= AIM_BYTES else "over"
        rows = [(f"--frames lossless, {verdict} {AIM_BYTES / 1e6:.0f} MB", lossless, "")]
        rows.append(("--frames none", size_of(alone.archive_path), f"{seconds:.1f} in all"))
        for crf in QUALITIES:
            video, clock = folder / f"{crf}.mp4", time.process_time()
            write_mp4(archive.rollouts[0].frames, archive.layout.fps, video, crf)
            rows.append((f"video, --crf {crf}", size_of(video), f"{time.process_time() - clock:.1f}"))
        for kept, size, cpu in rows:
            table.add_row(kept, f"{size / 1e6:.2f}", f"{size / num_frames / 1e3:.1f}", cpu)
        console.print(table)


if __name__ == "__main__":
    main()
