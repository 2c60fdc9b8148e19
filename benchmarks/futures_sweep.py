"""Sweeps guidance, context noise and steps of the prediction: distances of futures over the seconds that they cost.

python benchmarks/futures_sweep.py logs --out sweep [--checkpoints checkpoints/demo] [--starts 64] [--futures 1]
                                   [--seconds 2.4] [--passes 0] [--context-guidance 1 1.5 2 3]
                                   [--scene-guidance 2 4] [--context-noise 0 0.1] [--steps 4 8 32]
                                   [--picture sweep.png] [--split all] [--device cpu]

One setting at a time differs from the preset `fast` without its few-step student, which is a point of its own. A point
that stands in `--out` is not measured again, so the same command resumes. `clips` and `frames` are Fréchet distances of
clips and of single frames (`drivesim evaluate video`), each beside that of other recorded videos (`real`): the paper
reports that context guidance lowers the one and raises the other. Without passes of interpolation the videos are
keyframes alone, which is what the settings decide.

`--split held_out` takes the logs that training leaves out by their names, one in twenty; `--split all` is for a folder
that no training used. On a CPU, seconds are those of the processor, on a GPU those of the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import torch
from matplotlib import pyplot as plt
from rich.console import Console
from rich.table import Table

from drivesim.engine import Engine, EngineSettings, fast, sampled_roles, sampled_students
from drivesim.evaluation.futures import spread_starts
from drivesim.evaluation.metrics.features import EfficientNetLite0
from drivesim.evaluation.protocol import Figure, Report
from drivesim.evaluation.video.measures.features import StackedFeatures
from drivesim.evaluation.video.report import Compared, Instruments, Part, video_figures
from drivesim.evaluation.video.sources.sampled import VideoTask, roles_of, sampled_videos
from drivesim.evaluation.video.sources.videos import halves, recorded_videos

_PARTS = (Part.distance, Part.diversity)
_COSTS = {"CPU s": "cpu_s_per_second_of_video", "clock s": "clock_s_per_second_of_video"}


def points(engine: Engine, options: argparse.Namespace) -> Iterator[tuple[str, EngineSettings]]:
    """The settings by name: with the few-step student, without it, and each that differs from that in one value."""
    preset = replace(fast(), interpolation_passes=options.passes)
    usual = replace(preset, students=tuple(role for role in preset.students if role != "prediction"))
    if "prediction" in sampled_students(preset, engine.checkpoints):
        yield "few-step student", preset
    yield f"fast ({usual.prediction.steps} steps, context {usual.context_guidance:g})", usual
    for weight in options.context_guidance:
        if weight != usual.context_guidance:
            yield f"context guidance {weight:g}", replace(usual, context_guidance=weight)
    for weight in options.scene_guidance:
        if weight != usual.scene_guidance:
            yield f"scene guidance {weight:g}", replace(usual, scene_guidance=weight)
    for noise in options.context_noise:
        if noise != usual.context_noise:
            yield f"context noise {noise:g}", replace(usual, context_noise=noise)
    for steps in options.steps:
        if steps != usual.prediction.steps:
            yield f"{steps} steps", replace(usual, prediction=replace(usual.prediction, steps=steps))


def measured(engine: Engine, settings: EngineSettings, options: argparse.Namespace, instruments: Instruments) -> Report:
    """Samples and measures the futures of a point, and their cost in seconds of the processor."""
    task = VideoTask(options.seconds, options.futures)
    asked, reference = halves(spread_starts(options.logs, options.split, options.starts, options.seconds), options.logs)
    name, now = ("CPU s", time.process_time) if options.device == "cpu" else ("clock s", time.perf_counter)
    begun = now()
    made = sampled_videos(engine, asked, task, settings, None, lambda *_: None)  # ends with frames on the CPU
    cost, measure = (now() - begun) / (len(made) * options.seconds), _COSTS[name]
    frames, low = len(made[0].frames), (engine.video.low_height, engine.video.low_width)
    known = [recorded_videos(moments, frames, made[0].fps, low) for moments in (asked, reference)]
    how = f"1 known frame(s), {settings.interpolation_passes} passes"
    instruments = replace(instruments, clip_frames=min(16, frames))
    figures = list(video_figures(Compared(made, *known), _PARTS, instruments, "0 on", how, lambda *_: None))
    figures.append(Figure(measure, "made", cost, None, None, len(made), replace(figures[0].protocol, measure=measure)))
    roles = sampled_roles(roles_of(settings), settings, engine.checkpoints)
    subject = {role: engine.checkpoints.sha256[role] for role in roles}
    return Report("video", subject | {"settings": json.dumps(settings.canonical(), sort_keys=True)}, tuple(figures))


def row_of(report: Report) -> dict[str, tuple[float, float | None, float | None]]:
    """The value and interval of each column."""
    found = {(figure.name, figure.group): figure for figure in report.figures}
    columns = {
        **{column: (measure, "made") for column, measure in _COSTS.items()},
        "clips": ("clip_frechet_distance", "made"),
        "clips, real": ("clip_frechet_distance", "real"),
        "frames": ("frame_frechet_distance", "made"),
        "frames, real": ("frame_frechet_distance", "real"),
        "futures differ": ("pair_distance", "futures of one scene"),
        "scenes differ": ("pair_distance", "other scenes"),
    }
    known = {name: found[key] for name, key in columns.items() if key in found and found[key].value is not None}
    return {name: (float(figure.value or 0), figure.low, figure.high) for name, figure in known.items()}


def draw(rows: dict[str, dict[str, tuple[float, float | None, float | None]]], path: Path) -> None:
    """Distance of clips over cost, and over the distance of frames."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    cost = next(column for column in _COSTS if all(column in row for row in rows.values()))
    for axis, across in zip(axes, (cost, "frames"), strict=True):
        for name, row in rows.items():
            value, low, high = row["clips"]
            error = None if low is None or high is None else [[max(0, value - low)], [max(0, high - value)]]
            axis.errorbar(row[across][0], value, yerror=error, marker="o", markersize=4, linewidth=0.8)
            axis.annotate(name, (row[across][0], value), textcoords="offset points", xytext=(5, 3), fontsize=6)
        axis.set_ylabel("Fréchet distance of clips", fontsize=8)
    axes[0].set_xlabel(f"{cost} per second of video", fontsize=8)
    axes[1].set_xlabel("Fréchet distance of frames", fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    """A line for each point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="Folder of the reports, one per point.")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/demo"))
    parser.add_argument("--starts", type=int, default=64, help="Half of them are the reference.")
    parser.add_argument("--futures", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.4)
    parser.add_argument("--passes", type=int, default=0)
    parser.add_argument("--context-guidance", type=float, nargs="*", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--scene-guidance", type=float, nargs="*", default=[2.0, 4.0])
    parser.add_argument("--context-noise", type=float, nargs="*", default=[0.0, 0.1])
    parser.add_argument("--steps", type=int, nargs="*", default=[4, 8, 16, 32])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--split", choices=("held_out", "all"), default="held_out")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()

    torch.set_num_threads(1)
    engine, pictures = Engine.load(options.checkpoints, options.device), EfficientNetLite0(options.device)
    window_s = engine.video.gaps_per_window / engine.video.keyframe_fps
    clips = StackedFeatures(pictures, options.device)
    instruments = Instruments(clips, pictures, None, 16, window_s, options.device)
    rows = {}
    for name, settings in points(engine, options):
        path = options.out / f"{name.replace(' ', '_')}.json"
        if not path.is_file():
            measured(engine, settings, options, instruments).write(path)
        rows[name] = row_of(Report.read(path))
        print(name, {key: f"{value:.4g}" for key, (value, *_) in rows[name].items()}, flush=True)
    table = Table("settings", *dict.fromkeys(key for row in rows.values() for key in row))
    for name, row in rows.items():
        table.add_row(
            name, *(shown(*row[column.header]) if column.header in row else "–" for column in table.columns[1:])
        )
    Console(width=160).print(table)
    if options.picture is not None:
        draw(rows, options.picture)


def shown(value: float, low: float | None, high: float | None) -> str:
    """A number with its interval, if it has one."""
    return f"{value:.4g}" if low is None or high is None else f"{value:.4g} [{low:.4g}, {high:.4g}]"


if __name__ == "__main__":
    main()
