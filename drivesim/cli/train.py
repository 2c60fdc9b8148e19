"""`drivesim train STAGE`: one training stage, resumable, time-boxed, alone or under `torchrun`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from drivesim.errors import InputError

_STAGES = "autoencoder, image, prediction, interpolation, decoder, upsampler_image, upsampler, reader or layouts."


def train(
    stage: Annotated[str, typer.Argument(help=_STAGES)],
    data: Annotated[Path, typer.Option(help="Folder with drive logs, at any depth.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder: the stages that this one stands on, and the result.")],
    minutes: Annotated[float, typer.Option(help="Stop after so many minutes of training, over all runs.")] = 60.0,
    steps: Annotated[int | None, typer.Option(help="Stop after so many steps, over all runs.")] = None,
    preset: Annotated[str, typer.Option(help="Sizes: tiny, demo or paper.")] = "demo",
    batch_size: Annotated[int | None, typer.Option(min=1, help="Clips a step and process.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Of the optimiser.")] = None,
    init: Annotated[Path | None, typer.Option(help="Folder of checkpoints to start from, instead of anew.")] = None,
    keep_encoder: Annotated[
        bool, typer.Option("--keep-encoder", help="Of the autoencoder train the decoder alone: latents stay valid.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of batches and noise.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of this process.")] = None,
    evaluate_minutes: Annotated[float, typer.Option(help="Save, evaluate and draw samples this often.")] = 5.0,
) -> None:
    """Train one stage. The same command again continues where the last one stopped.

    Data-parallel:  torchrun --nproc-per-node 2 -m drivesim train image --data logs --out checkpoints/mine --threads 1
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from drivesim.models.checkpoints import LAYOUTS, STAGES
    from drivesim.models.presets import preset_named
    from drivesim.training.budget import TrainingBudget
    from drivesim.training.distributed import process_group, rank
    from drivesim.training.layouts import collect_layouts
    from drivesim.training.session import train_stage, use_threads
    from drivesim.training.stages import StageRequest, prepare

    if stage not in STAGES:
        raise InputError(f"expected a stage of {', '.join(STAGES)}, got {stage!r}")
    use_threads(threads)
    try:
        sizes = preset_named(preset)
    except ValueError as error:
        raise InputError(str(error)) from None
    if keep_encoder and (stage != "autoencoder" or init is None):
        raise InputError("--keep-encoder is for stage autoencoder, together with --init")
    request = StageRequest(stage, sizes, data, out, device, batch_size, learning_rate, seed, init, keep_encoder)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with process_group(device), Progress(
        *columns, console=Console(stderr=True), disable=not sys.stderr.isatty() or rank() > 0
    ) as progress:
        task = progress.add_task("preparing", total=1.0)

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done / max(1, total))

        out.mkdir(parents=True, exist_ok=True)
        if stage == LAYOUTS:
            collect_layouts(request, show)
            return
        budget = TrainingBudget(60 * minutes, steps)
        for report in train_stage(request, lambda: prepare(request, show), budget, 60 * evaluate_minutes):
            by_steps = report.step / steps if steps else 0.0
            loss = next(iter(report.figures.values()), float("nan"))
            progress.update(
                task,
                completed=min(1.0, max(report.elapsed_s / (60 * minutes), by_steps)),
                description=f"{stage}: step {report.step}, loss {loss:.4f}",
            )
            if report.saved and rank() == 0:
                figures = ", ".join(f"{name} {value:.4g}" for name, value in report.figures.items())
                progress.console.print(f"{stage}: step {report.step}, {report.elapsed_s / 60:.1f} min: {figures}")
