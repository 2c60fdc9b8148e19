"""`drivesim adapt`: the training chain on a user's own footage, with held-out figures before and after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.lines import say
from drivesim.cli.train.options import (
    BatchScale,
    Cache,
    Device,
    EvaluateMinutes,
    HeldOut,
    Minutes,
    Plan,
    PlanOrReportAsJson,
    Seed,
    Share,
    StageSteps,
    Threads,
    device_of,
    local_data,
    preset_of,
    require_time,
)
from drivesim.errors import InputError

if TYPE_CHECKING:
    from drivesim.evaluation.adaptation import HeldOutCheck
    from drivesim.training.chain.request import ChainRequest


def adapt(
    data: Annotated[
        str, typer.Argument(help="Folder with drive logs, as `drivesim ingest` makes them; or its URL (s3://...).")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the adapted checkpoints and the report.")],
    minutes: Minutes,
    held_out: HeldOut = None,
    cache: Cache = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Folder of checkpoints to start from.", show_default="the default that ships"),
    ] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start every stage from nothing.")] = False,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Train only this stage; may be repeated.", show_default="all that the footage can teach"),
    ] = None,
    share: Share = None,
    whole_autoencoder: Annotated[
        bool, typer.Option("--whole-autoencoder", help="Train the encoder too, which changes all latents.")
    ] = False,
    preset: Annotated[
        str, typer.Option(help="Sizes of all networks with --from-scratch: tiny, demo or paper.")
    ] = "demo",
    steps: StageSteps = None,
    batch_scale: BatchScale = 1,
    plan: Plan = False,
    frames: Annotated[
        int, typer.Option(min=2, max=10**6, help="Number of held-out frames that are reconstructed.")
    ] = 128,
    starts: Annotated[
        int, typer.Option(min=2, max=10_000, help="Number of held-out moments that futures start from.")
    ] = 8,
    futures: Annotated[int, typer.Option(min=1, max=64, help="Number of futures per moment.")] = 2,
    seconds: Annotated[float, typer.Option(min=0.8, max=60, help="Length of the futures.")] = 2.4,
    seed: Seed = 0,
    device: Device = "cpu",
    threads: Threads = 1,
    evaluate_minutes: EvaluateMinutes = 5.0,
    as_json: PlanOrReportAsJson = False,
) -> None:
    """Train the models on your own footage, and measure them on held-out drives before and after.

    Training starts from the weights of the default models. Stages that the footage cannot teach keep their weights, so
    that the result is a complete set of checkpoints.

    Running the same command again continues after an interruption; finished stages are skipped.
    """
    require_time(minutes)
    if from_scratch and init is not None:
        raise InputError("--from-scratch and --init exclude each other")
    from drivesim.assets import default_checkpoints
    from drivesim.cli.train.chain import print_plan
    from drivesim.evaluation.adaptation import HeldOutCheck
    from drivesim.models.checkpoints import CheckpointSet
    from drivesim.training.chain.adaptation import LEARNING_RATE_SCALE, FootageTraits, adaptation_shares
    from drivesim.training.chain.chain import Chain
    from drivesim.training.chain.request import ChainRequest
    from drivesim.training.loop.device import use_device, use_threads

    use_threads(threads)
    use_device(device_of(device))
    names = frozenset(held_out or ())
    initial = None if from_scratch else init or default_checkpoints()
    sizes = preset_of(preset) if initial is None else CheckpointSet.open(initial).preset
    folder = local_data(data, cache)
    traits = FootageTraits.of(folder, names)
    shares, reasons = adaptation_shares(traits, sizes, folder, from_scratch)
    shares = shares.changed(share or [])
    shares = shares.only(stage) if stage else shares
    request = ChainRequest(
        sizes,
        folder,
        out,
        minutes=minutes,
        shares=shares,
        steps=steps,
        device=device,
        batch_scale=batch_scale,
        seed=seed,
        initial=initial,
        evaluate_every_s=60 * evaluate_minutes,
        learning_rate_scale=1.0 if from_scratch else LEARNING_RATE_SCALE,
        keep_encoder=not whole_autoencoder,
        held_out=names,
        skip_missing_clips=True,
    )
    say(f"held out: {', '.join(traits.held_out)} of {len(traits.recordings)} recordings", err=True)
    for role, reason in reasons.items():
        if not shares.by_role[role]:
            say(f"{role} is not trained: {reason}", err=True)
    if plan:
        print_plan(Chain(request).plan(), 0, as_json)
        return
    _run(request, HeldOutCheck(names, frames, starts, futures, seconds), as_json)


def _run(request: ChainRequest, check: HeldOutCheck, as_json: bool) -> None:
    """Measures, trains, measures again, and prints the report."""
    from drivesim.cli.evaluate.figures import progress
    from drivesim.cli.train.chain import run_chain
    from drivesim.evaluation.adaptation import begin, folder_of, measure, report_text, write_report
    from drivesim.training.chain.chain import Chain
    from drivesim.training.chain.report import chain_report

    out, initial, before = request.checkpoints, request.initial, []
    begin(out, check.held_out, initial is None)
    if initial is not None:
        with progress() as show:
            before = measure(initial, request.data, check, folder_of(out, "before"), request.device, show)
    run_chain(Chain(request), out)
    with progress() as show:
        after = measure(out, request.data, check, folder_of(out, "after"), request.device, show)
    write_report(out, before, after, chain_report(out, request.preset))
    typer.echo(report_text(out, as_json), nl=False)
