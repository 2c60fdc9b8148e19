"""`drivesim batch`: many scenarios, seeds and futures, on all cores, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import console, print_json, say
from drivesim.cli.options import (
    CheckpointsOption,
    CrfOption,
    Device,
    DeviceOption,
    FramesOption,
    FrameStorage,
    FuturesOption,
    GateOption,
    JsonOption,
    Precision,
    PrecisionOption,
    Preset,
    PresetOption,
    ThreadsOption,
    WorkersOption,
    chosen_device,
    default_workers,
    warn_where_slow,
)
from drivesim.errors import InputError
from drivesim.wording import counted

if TYPE_CHECKING:
    from drivesim.batch.plan import BatchPlan


def batch(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files and folders of them.", metavar="PATH...")],
    out: Annotated[Path, typer.Option(help="Folder for the jobs, report.html, report.json and junit.xml.")],
    workers: WorkersOption = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Address of the Ray cluster to run on: host:port, or auto.", show_default=False
        ),
    ] = None,
    futures: FuturesOption = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            min=0, max=2**63 - 1, help="Seed of each scenario. Can be repeated.", show_default="each scenario's"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="Number of seeds per scenario, counted upwards.")] = 1,
    preset: PresetOption = Preset.fast,
    checkpoints: CheckpointsOption = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = 1,
    frames: FramesOption = FrameStorage.lossless,
    crf: CrfOption = 20,
    gate: GateOption = 1,
    precision: PrecisionOption = Precision.float32,
    retries: Annotated[int, typer.Option(min=0, max=100, help="Number of further attempts at a job that failed.")] = 1,
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=1, max=1e7, help="Longest time that an attempt at a job may take, in seconds.", show_default="none"
        ),
    ] = None,
    silence_limit: Annotated[
        float,
        typer.Option(min=1, max=1e6, help="Time without a step after which a worker counts as hanging, in seconds."),
    ] = 1800.0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only predict time and disk space, from earlier jobs or a measured window."),
    ] = False,
    like: Annotated[
        Path | None, typer.Option(help="Folder of an earlier batch from which --dry-run learns.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the futures of many scenarios and a report.

    Running the same command again continues. The exit code is 1 if a job failed.
    """
    from drivesim.assets import default_checkpoints
    from drivesim.batch.local_runner import run_batch
    from drivesim.batch.plan import BatchOptions, plan_batch
    from drivesim.batch.ray_runner import run_on_ray
    from drivesim.batch.report import build_report, write_reports
    from drivesim.batch.runner import Limits
    from drivesim.cli.batch.table import follow

    if ray is not None and dry_run and workers is None:
        raise InputError("--dry-run does not ask the cluster; give the number of its workers with --workers")
    # the GPUs of a cluster need not be in the machine that leads it
    device_name = device.value if ray is not None and device is not Device.auto else chosen_device(device)
    options = BatchOptions(
        out,
        checkpoints or default_checkpoints(),
        preset=preset.value,
        device=device_name,
        threads=threads,
        futures=futures,
        seeds=tuple(seed or ()),
        num_seeds=seeds,
        frame_storage=frames.value,
        crf=crf,
        gate=gate,
        precision=precision.value,
    )
    if ray is None:
        warn_where_slow(precision.value, device_name)
    if like is not None and not like.is_dir():
        raise InputError(f"--like {like}: no such folder; name the folder of an earlier batch")
    plan = plan_batch(paths, options)
    if dry_run:
        _show_prediction(plan, workers or default_workers(device_name, threads), like, as_json)
        return
    limits = Limits(retries, time_limit, silence_limit)
    if ray is not None:
        results = follow(plan, run_on_ray(plan, ray, workers, limits))
    else:
        results = follow(plan, run_batch(plan, workers or default_workers(device_name, threads), limits))
    report = build_report(plan, results)
    written = write_reports(plan, report)
    if as_json:
        print_json(report)
    else:
        totals = report["totals"]
        jobs = counted(totals["jobs"], "job")
        say(f"{out}: {totals['done']} of {jobs} done, {totals['failed']} failed")
        for path in written:
            say(path)
    if not report["passed"]:
        raise typer.Exit(1)


def _show_prediction(plan: BatchPlan, num_workers: int, like: Path | None, as_json: bool) -> None:

    from drivesim.batch.prediction import predict_batch

    terminal, said = console(), set[str]()
    with terminal.status("predicting") as status:

        def show(text: str) -> None:
            status.update(text)
            if not terminal.is_terminal and "%" not in text and text not in said:
                say(text, err=True)
                said.add(text)

        predicted = predict_batch(plan, num_workers, like, show)
    if as_json:
        document = {"jobs": predicted.jobs, "futures": predicted.futures, "workers": num_workers}
        print_json(document | {"seconds": round(predicted.seconds, 1), "bytes": round(predicted.num_bytes)})
        return
    say(f"{counted(len(plan.jobs), 'job')}, {len(plan.jobs) - predicted.jobs} of them done already")
    say(
        f"{counted(predicted.futures, 'future')} to make: {predicted.seconds / 60:.1f} minutes with "
        f"{counted(num_workers, 'worker')}, {predicted.num_bytes / 1e6:.0f} MB"
    )
