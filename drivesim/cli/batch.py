"""`drivesim batch`: many scenarios × seeds × futures, on all cores, with a report.

drivesim batch scenarios/ --out out/nightly
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.rollout import Device, Frames, Preset, chosen_device, default_workers

if TYPE_CHECKING:
    from drivesim.batch.plan import BatchPlan


def batch(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, and folders of them.", metavar="PATH...")],
    out: Annotated[Path, typer.Option(help="Folder for jobs/, report.html, report.json and junit.xml.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes.", show_default="one a core, one on a GPU")
    ] = None,
    futures: Annotated[
        int | None, typer.Option(min=1, max=64, help="Instead of each scenario's.", show_default=False)
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, max=2**63 - 1, help="Instead of each scenario's; may be repeated.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="How many seeds, counted upwards.")] = 1,
    preset: Annotated[
        Preset, typer.Option(help="fast: 10 frames a second; quality: 40, and more steps.")
    ] = Preset.fast,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.auto,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each worker; the bits depend on it.")] = 1,
    frames: Annotated[
        Frames, typer.Option(help="none: keep latents alone and make no video; `drivesim render` makes both later.")
    ] = Frames.lossless,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality of the videos: 0 is the largest file.")] = 20,
    retries: Annotated[int, typer.Option(min=0, max=100, help="How often a job that failed is tried again.")] = 1,
    time_limit: Annotated[
        float | None, typer.Option(min=1, help="Seconds that an attempt at a job may take.", show_default="none")
    ] = None,
    silence_limit: Annotated[
        float, typer.Option(min=1, help="Seconds without a step after which a worker counts as hanging.")
    ] = 1800.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only predict time and disk, from earlier jobs or a measured window.")
    ] = False,
    like: Annotated[
        Path | None, typer.Option(help="Folder of an earlier batch for --dry-run to learn from.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make all futures of many scenarios; the same command again continues. Exit code 1 where a job failed."""
    from drivesim.assets import default_checkpoints
    from drivesim.batch.local_runner import Limits, run_batch
    from drivesim.batch.plan import BatchOptions, plan_batch
    from drivesim.batch.report import build_report, write_reports
    from drivesim.cli.batch_table import follow

    device_name = chosen_device(device)
    num_workers = workers or default_workers(device_name, threads)
    options = BatchOptions(
        out,
        checkpoints or default_checkpoints(),
        preset.value,
        device_name,
        threads,
        futures,
        tuple(seed or ()),
        seeds,
        frames.value,
        crf,
    )
    plan = plan_batch(paths, options)
    if dry_run:
        _tell_prediction(plan, num_workers, like, as_json)
        return
    follow(plan, run_batch(plan, num_workers, Limits(retries, time_limit, silence_limit)))
    written = write_reports(plan)
    report = build_report(plan)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        totals = report["totals"]
        typer.echo(f"{out}: {totals['done']} of {totals['jobs']} jobs done, {totals['failed']} failed")
        for path in written:
            typer.echo(path)
    if not report["passed"]:
        raise typer.Exit(1)


def _tell_prediction(plan: BatchPlan, num_workers: int, like: Path | None, as_json: bool) -> None:
    from rich.console import Console

    from drivesim.batch.prediction import predict_batch

    with Console(stderr=True).status("predicting; without an earlier run here, a window is measured first"):
        predicted = predict_batch(plan, num_workers, like)
    if as_json:
        document = {"jobs": predicted.jobs, "futures": predicted.futures, "workers": num_workers}
        typer.echo(json.dumps(document | {"seconds": round(predicted.seconds, 1), "bytes": round(predicted.bytes)}))
        return
    typer.echo(f"{len(plan.jobs)} jobs, {len(plan.jobs) - predicted.jobs} of them done already")
    typer.echo(
        f"{predicted.futures} futures to make: {predicted.seconds / 60:.1f} minutes with {num_workers} workers, "
        f"{predicted.bytes / 1e6:.0f} MB"
    )
