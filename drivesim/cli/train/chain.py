"""`drivesim train chain`: trains every stage in its order, each for its share of the time."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import console, description, print_json, say
from drivesim.cli.train.options import (
    BatchScale,
    Cache,
    Data,
    Device,
    EvaluateMinutes,
    HeldOut,
    Minutes,
    Out,
    Plan,
    PlanOrReportAsJson,
    PresetName,
    Seed,
    Share,
    StageSteps,
    Threads,
    device_of,
    local_data,
    preset_of,
    require_time,
)
from drivesim.escapes import escaped

if TYPE_CHECKING:
    from drivesim.training.chain.chain import Chain
    from drivesim.training.chain.request import PlannedStage


def chain(
    data: Data,
    out: Out,
    minutes: Minutes,
    share: Share = None,
    plan: Plan = False,
    as_json: PlanOrReportAsJson = False,
    init: Annotated[Path | None, typer.Option(help="Folder of checkpoints that new stages start from.")] = None,
    record_workers: Annotated[
        int, typer.Option(min=0, max=256, help="Number of processes that record footage while the stages train.")
    ] = 0,
    preset: PresetName = "demo",
    steps: StageSteps = None,
    batch_scale: BatchScale = 1,
    seed: Seed = 0,
    held_out: HeldOut = None,
    cache: Cache = None,
    device: Device = "cpu",
    threads: Threads = 1,
    evaluate_minutes: EvaluateMinutes = 5.0,
) -> None:
    """Train all stages in a given time.

    The result is a complete set of checkpoints and a report.

    Running the same command again continues after an interruption; finished stages are skipped. If the footage or the
    checkpoint that a stage builds on has changed, the stage continues from its weights.
    """
    require_time(minutes)
    from drivesim.training.chain.chain import Chain
    from drivesim.training.chain.request import ChainRequest
    from drivesim.training.chain.shares import Shares
    from drivesim.training.loop.device import use_device, use_threads

    use_threads(threads)
    use_device(device_of(device))
    wanted = ChainRequest(
        preset_of(preset),
        local_data(data, cache),
        out,
        minutes=minutes,
        shares=Shares().changed(share or []),
        steps=steps,
        device=device,
        batch_scale=batch_scale,
        seed=seed,
        initial=init,
        record_workers=record_workers,
        evaluate_every_s=60 * evaluate_minutes,
        held_out=frozenset(held_out or ()),
    )
    trained = Chain(wanted)
    if plan:
        print_plan(trained.plan(), record_workers, as_json)
        return
    run_chain(trained, out)
    name = "report.json" if as_json else "report.md"
    typer.echo((out / "training" / name).read_text(), nl=False)


def print_plan(plan: list[PlannedStage], record_workers: int, as_json: bool) -> None:
    """Prints what a chain would do, stage by stage."""
    if as_json:
        print_json({"stages": [asdict(stage) for stage in plan]})
        return
    for stage in plan:
        time = f", {stage.minutes:.1f} min" if stage.minutes else ""
        on = f", on {stage.footage}" if stage.footage else ""
        say(f"{stage.role}: {stage.action}{time}{on} ({stage.reason})")
        for kind in stage.missing:
            say(f"    {'still to be recorded' if record_workers else 'missing'}: {kind}")


def run_chain(chain: Chain, out: Path) -> None:
    """Trains under a progress bar; every evaluation is a line."""
    from rich.progress import BarColumn, Progress

    columns = (description(), BarColumn())
    with Progress(*columns, console=console(), disable=not sys.stderr.isatty()) as progress:
        task, said = progress.add_task("preparing", total=1.0), ""

        def show(text: str, done: int, total: int) -> None:
            nonlocal said
            progress.update(task, description=escaped(text), completed=done / max(1, total))
            if "waiting" in text and text != said:
                progress.console.print(escaped(text), soft_wrap=True)
                said = text

        trained_any = False
        for role, report in chain.run(show):
            trained_any = True
            used = chain.budget(role).used(report.progress)
            progress.update(task, completed=used, description=report.in_words(role))
            if report.saved:
                progress.console.print(report.with_figures(role), soft_wrap=True)
        if not trained_any:
            progress.console.print(f"{escaped(out)}: nothing was left to train", soft_wrap=True)
