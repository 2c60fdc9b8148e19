"""`drivesim train chain` and `drivesim train STAGE`: the whole chain in a given time, or one stage of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli.lines import console, description, print_json
from drivesim.cli.options import JsonOption
from drivesim.cli.train.average import average
from drivesim.cli.train.chain import chain
from drivesim.cli.train.options import (
    MOST_MINUTES,
    MOST_STEPS,
    Cache,
    Data,
    Device,
    EvaluateMinutes,
    HeldOut,
    Out,
    PresetName,
    Seed,
    Threads,
    device_of,
    local_data,
    preset_of,
)
from drivesim.cli.verbs import VerbCommand, examples
from drivesim.errors import InputError
from drivesim.escapes import escaped
from drivesim.models.stages import LAYOUTS, STAGES

if TYPE_CHECKING:
    from drivesim.training.loop.budget import TrainingBudget
    from drivesim.training.preparation.request import StageRequest

app = typer.Typer(no_args_is_help=True, help="Train the models: all stages in a given time, or a single stage.")
app.command(cls=VerbCommand, epilog=examples("train chain"))(chain)
app.command(cls=VerbCommand, epilog=examples("train average"))(average)


def _command_of(stage: str) -> Callable[..., None]:
    def train(
        data: Data,
        out: Out,
        minutes: Annotated[
            float,
            typer.Option(min=0.0, max=MOST_MINUTES, help="Training time in minutes, counted over all runs."),
        ] = 60.0,
        steps: Annotated[
            int | None,
            typer.Option(min=0, max=MOST_STEPS, help="Maximum number of steps, counted over all runs."),
        ] = None,
        preset: PresetName = "demo",
        batch_size: Annotated[
            int | None, typer.Option(min=1, max=4096, help="Number of clips per step in each process.")
        ] = None,
        learning_rate: Annotated[float | None, typer.Option(min=0.0, max=1e38, help="Learning rate.")] = None,
        init: Annotated[Path | None, typer.Option(help="Folder of checkpoints to start from.")] = None,
        keep_encoder: Annotated[
            bool, typer.Option("--keep-encoder", help="Train only the decoder, so that existing latents stay valid.")
        ] = False,
        seed: Seed = 0,
        shard: Annotated[
            bool | None,
            typer.Option(
                "--shard/--no-shard",
                help="Divide parameters and optimiser states among the processes that train together (FSDP2).",
                show_default="for preset paper",
            ),
        ] = None,
        held_out: HeldOut = None,
        cache: Cache = None,
        device: Device = "cpu",
        threads: Threads = 1,
        evaluate_minutes: EvaluateMinutes = 5.0,
        as_json: JsonOption = False,
    ) -> None:
        if keep_encoder and (stage != "autoencoder" or init is None):
            raise InputError("--keep-encoder is for stage autoencoder, together with --init")
        from drivesim.training.loop.budget import TrainingBudget
        from drivesim.training.loop.device import use_device, use_threads
        from drivesim.training.loop.distributed import process_group
        from drivesim.training.preparation.request import StageRequest

        use_threads(threads)
        use_device(device_of(device))
        request = StageRequest(
            stage,
            preset_of(preset),
            Path(),
            out,
            device=device,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            initial=init,
            keep_encoder=keep_encoder,
            held_out=frozenset(held_out or ()),
        )
        with process_group(request.device):
            divided = _is_sharded(shard, request)
            request = replace(request, data=local_data(data, cache), shard=divided)
            _run(request, TrainingBudget(60 * minutes, steps), 60 * evaluate_minutes, as_json)

    train.__doc__ = f"""Train stage {stage}. {STAGES[stage].purpose}

    Running the same command again continues where the last run stopped. To train on several processes at once:

    torchrun --nproc-per-node 2 -m drivesim train {stage} --data logs --out checkpoints/mine --threads 1
    """
    return train


for _role, _stage in STAGES.items():
    app.command(_role, cls=VerbCommand, short_help=_stage.purpose)(_command_of(_role))
    if _stage.former_name is not None:
        app.command(_stage.former_name, cls=VerbCommand, hidden=True)(_command_of(_role))


def _is_sharded(asked: bool | None, request: StageRequest) -> bool:
    """Whether the network is divided among the processes that train together.

    Raises:
        InputError: It is asked for, but there is only one process, or the stage cannot be sharded.
    """
    from drivesim.models.stages import Family
    from drivesim.training.loop.distributed import world_size

    stage = STAGES[request.role]
    shardable = stage.family is Family.LATENT_DIFFUSION and stage.student_of is None
    if asked and (not shardable or world_size() == 1):
        reason = "start several with torchrun" if shardable else f"stage {request.role} trains with an adversary"
        raise InputError(f"--shard divides a latent diffusion model among several processes; {reason}")
    if asked is None:
        return shardable and world_size() > 1 and request.preset.name == "paper"
    return asked


def _run(request: StageRequest, budget: TrainingBudget, evaluate_every_s: float, as_json: bool) -> None:
    """Trains under a progress bar; each evaluation is a line, and the last one is the JSON document if there is one."""
    from rich.progress import BarColumn, Progress, TimeRemainingColumn

    from drivesim.training.loop.distributed import rank
    from drivesim.training.loop.session import train_stage
    from drivesim.training.preparation.stages import prepare
    from drivesim.training.stages.layouts import collect_layouts

    columns = (description(), BarColumn(), TimeRemainingColumn())
    hidden = not sys.stderr.isatty() or rank() > 0
    with Progress(*columns, console=console(), disable=hidden) as progress:
        task = progress.add_task("preparing", total=1.0)

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=escaped(text), completed=done / max(1, total))

        if request.role == LAYOUTS:
            collect_layouts(request, show)
            if as_json:
                print_json({"stage": request.role, "checkpoints": str(request.checkpoints)})
            return
        report = None
        for report in train_stage(request, lambda: prepare(request, show), budget, evaluate_every_s):
            if rank() == 0:
                progress.update(task, completed=budget.used(report.progress), description=report.in_words(request.role))
                if report.saved:
                    progress.console.print(report.with_figures(request.role), soft_wrap=True)
        if report is None and rank() == 0:
            progress.console.print(
                f"{escaped(request.checkpoints)}: nothing was left to train of {request.role}", soft_wrap=True
            )
        if as_json and rank() == 0:
            document: dict[str, Any] = {"stage": request.role, "checkpoints": str(request.checkpoints)}
            if report is not None:
                document |= {"steps": report.step, "seconds": round(report.elapsed_s, 1), "figures": report.figures}
            print_json(document)
