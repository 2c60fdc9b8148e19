"""`drivesim compose`: only the first frame of a scenario, with and without boxes drawn on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import (
    MOST_THREADS,
    CheckpointsOption,
    Device,
    DeviceOption,
    GateOption,
    IndexOption,
    JsonOption,
    Precision,
    PrecisionOption,
    Preset,
    SeedOption,
    chosen_device,
    warn_where_slow,
)
from drivesim.errors import InputError


def compose(
    file: Annotated[Path, typer.Argument(help="Scenario file.")],
    out: Annotated[Path, typer.Option(help="PNG file. A second one beside it, STEM_boxes.png, shows the boxes.")],
    seed: SeedOption = None,
    index: IndexOption = None,
    preset: Annotated[Preset, typer.Option(help="fast, or quality with more sampling steps.")] = Preset.fast,
    checkpoints: CheckpointsOption = None,
    device: DeviceOption = Device.auto,
    threads: Annotated[
        int, typer.Option(min=1, max=MOST_THREADS, help="Number of CPU threads; the bits of the picture depend on it.")
    ] = 1,
    gate: GateOption = 1,
    precision: PrecisionOption = Precision.float32,
    as_json: JsonOption = False,
) -> None:
    """Make only the first frame of a scenario, to see whether its boxes are as intended.

    STEM_boxes.png shows the boxes that the models were conditioned on: the scenario's, or those drawn for its
    crowdedness.

    With --gate, STEM_gate.json says what the vehicle detector found in each attempt.
    """
    from dataclasses import replace

    from drivesim.archive.export import write_png, write_text
    from drivesim.engine import Engine, settings_named
    from drivesim.engine.unheeded import unheeded
    from drivesim.scenario import load_case
    from drivesim.scenario.previews.drawing import draw_layout

    scenario = load_case(file, index)
    require_png(out)
    device_name = chosen_device(device)
    warn_where_slow(precision.value, device_name)
    engine = Engine.load(checkpoints, device_name, threads)
    for sentence in unheeded(scenario, engine.checkpoints):
        say(f"{file}: warning: {sentence}", err=True)
    settings = replace(settings_named(preset.value), precision=precision.value)
    written = [out]
    if gate > 1:
        frame, choice = engine.compose_gated(scenario, gate, seed, settings)
        written.append(out.with_name(f"{out.stem}_gate.json"))
        write_text(json.dumps(choice.record(), indent=1) + "\n", written[-1])
    else:
        frame = engine.compose(scenario, seed, settings)
    boxes = out.with_name(f"{out.stem}_boxes{out.suffix}")
    write_png(frame, out)
    drawn, layout = frame.copy(), engine.first_layout(scenario, seed, settings)
    if layout is not None:
        draw_layout(drawn, layout, labelled=True)
    write_png(drawn, boxes)
    written.append(boxes)
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        say(path)


def require_png(out: Path) -> None:
    """Makes the folder of a PNG file; raises InputError if the file could not be written."""
    from drivesim.archive.export import require_writable

    if out.suffix.lower() != ".png":
        raise InputError(f"--out: expected the name of a PNG file, got {out}")
    require_writable(out)
