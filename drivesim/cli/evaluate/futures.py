"""`drivesim evaluate futures`: futures of real frames against what really happened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, progress
from drivesim.cli.evaluate.options import AsJson, Data, HeldOut, Out, PresetOption, Seed, Split, SplitOption
from drivesim.cli.evaluate.setup import engine_of, local_footage
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption, Preset


def futures(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    starts: Annotated[int, typer.Option(min=2, max=10_000, help="Number of moments, spread over the drive logs.")] = 16,
    count: Annotated[int, typer.Option("--futures", min=1, max=64, help="Number of futures per moment.")] = 4,
    seconds: Annotated[float, typer.Option(min=0.8, max=60, help="Length of the futures.")] = 4.0,
    context: Annotated[int, typer.Option(min=1, max=2, help="Number of known frames.")] = 1,
    seed: Seed = 0,
    split: SplitOption = Split.held_out,
    held_out: HeldOut = None,
    preset: PresetOption = Preset.fast,
    sheet: Annotated[
        Path | None, typer.Option(help="PNG file with the real future above two sampled ones.", show_default=False)
    ] = None,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure futures that start from real frames: perceptual distance of the best, and Fréchet distance of all."""
    from drivesim.archive.export import write_png
    from drivesim.cli.compose import require_png
    from drivesim.engine import settings_named
    from drivesim.evaluation.futures import (
        ROLES,
        FuturesTask,
        compared_futures,
        futures_report,
        futures_sheet,
        spread_starts,
    )
    from drivesim.evaluation.metrics.features import EfficientNetLite0

    if sheet is not None:
        require_png(sheet)
    engine = engine_of(checkpoints, device, *ROLES)
    rate = engine.video.keyframe_fps
    task = FuturesTask.lasting(seconds, rate, count, context, seed)
    moments = spread_starts(local_footage(data), split.value, starts, task.duration_s(rate), frozenset(held_out or ()))
    network = EfficientNetLite0(str(engine.device))
    with progress() as show:
        compared = list(compared_futures(engine, moments, task, settings_named(preset.value), show))
        report = futures_report(engine, compared, task, network, preset.value)
    if sheet is not None:
        write_png(futures_sheet(compared[:8]), sheet)
    deliver(report, out, as_json)
