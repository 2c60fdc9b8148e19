"""`drivesim evaluate adherence`, `crowdedness`, `road` and `attributes`: whether composed frames obey conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, progress
from drivesim.cli.evaluate.options import (
    AsJson,
    BatchSize,
    Conditions,
    Data,
    FootageSeed,
    Guidance,
    Low,
    Out,
    PresetOption,
    Samples,
    Seed,
    Split,
    SplitOption,
    Steps,
    conditions_named,
)
from drivesim.cli.evaluate.setup import (
    composers,
    engine_of,
    footage_of,
    frame_size,
    local_footage,
    sampling_of,
    subject_of,
)
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption, Preset
from drivesim.errors import InputError
from drivesim.models.stages import VEHICLE_DETECTOR


def adherence(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 300,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    conditions: Conditions = "boxes,time_of_day",
    low: Low = False,
    gate: Annotated[
        int, typer.Option(min=1, max=64, help="Maximum number of attempts of the adherence gate; 1 means no gate.")
    ] = 1,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure whether composed frames show the requested vehicles and no others, with the vehicle detector."""
    from drivesim.evaluation.adherence import adherence_figures
    from drivesim.evaluation.protocol import Report

    names = conditions_named(conditions)
    if "boxes" not in names:
        raise InputError(f"--conditions {conditions}: adherence is about boxes; add `boxes` to the conditions")
    engine = engine_of(checkpoints, device, VEHICLE_DETECTOR, *composers(low))
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        figures = tuple(adherence_figures(engine, footage, names, sampling, gate, footage_seed, show))
    deliver(Report("adherence", subject_of(engine, sampling, names, gate), figures), out, as_json)


def crowdedness(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 200,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    low: Low = False,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    layouts: Annotated[
        bool,
        typer.Option(
            "--layouts/--no-layouts", help="Whether boxes are drawn from the layout prior or left to the image model."
        ),
    ] = True,
    batch_size: BatchSize = 8,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure, without boxes, whether the number of vehicles and the time of day are as requested."""
    from drivesim.evaluation.labels import CONDITION_NAMES, label_figures
    from drivesim.evaluation.protocol import Report

    engine = engine_of(checkpoints, device, VEHICLE_DETECTOR, *composers(low))
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size, layouts)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        figures = tuple(label_figures(engine, footage, sampling, footage_seed, show))
    deliver(Report("crowdedness", subject_of(engine, sampling, CONDITION_NAMES), figures), out, as_json)


def road(
    archives: Annotated[
        list[Path] | None,
        typer.Argument(help="Archives of scenarios in metres to measure; without them, frames are composed."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder with drive logs, at any depth, or its URL; beside archives, what the detector of lines misses."
        ),
    ] = None,
    most_logs: Annotated[
        int, typer.Option("--logs", min=1, max=10**6, help="Maximum number of drive logs beside archives.")
    ] = 40,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 300,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    conditions: Conditions = "boxes,road,time_of_day",
    low: Low = True,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure how far painted lines lie from where they should, in composed frames or in the videos of archives.

    Run it with and without `road` among the --conditions to see the effect of this condition. The figures of
    reconstructed and real frames show what the line detector itself misses. Archives of scenarios in metres with
    steered actors or an `ego` are measured in each frame, and so is how far lines jump from keyframe to keyframe.
    """
    from drivesim.evaluation.lane_lines import lane_line_figures
    from drivesim.evaluation.protocol import Report

    if archives:
        _road_of_archives(archives, data, most_logs, out, checkpoints, split, low, device, as_json)
        return
    if data is None:
        raise InputError("--data: name drive logs whose roads are composed again, or archives")
    names = conditions_named(conditions)
    engine = engine_of(checkpoints, device, *composers(low))
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        figures = tuple(lane_line_figures(engine, footage, names, sampling, footage_seed, show))
    deliver(Report("road", subject_of(engine, sampling, names), figures), out, as_json)


def _road_of_archives(
    archives: list[Path],
    data: str | None,
    most_logs: int,
    out: Path | None,
    checkpoints: Path | None,
    split: Split,
    low: bool,
    device: Device,
    as_json: bool,
) -> None:
    from drivesim.data.drive_log import find_drive_logs, split_of
    from drivesim.evaluation.lane_motion import (
        MADE,
        REAL,
        archived_line_films,
        lane_motion_figures,
        lane_motion_protocol,
        recorded_line_films,
    )
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.steering import steering_subject

    engine = engine_of(checkpoints, device, "autoencoder")
    size, logs = frame_size(engine, low), [] if data is None else find_drive_logs(local_footage(data))
    chosen = [path for path in logs if split is Split.all or split_of(path.name) == split.value][:most_logs]
    with progress() as show:
        made = archived_line_films(engine, archives, size, show)
        groups = {MADE: made, REAL: recorded_line_films(chosen, size, engine.video.keyframe_fps, show)}
        figures = tuple(lane_motion_figures(groups, lane_motion_protocol(made, size)))
    deliver(Report("road", steering_subject(archives), figures), out, as_json)


def attributes(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 300,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    conditions: Conditions = "boxes,box_headings,box_colours,time_of_day",
    renders: Annotated[
        Path | None,
        typer.Option(
            help="Folder with recorded footage to train the classifier on.", show_default="the folder of --data"
        ),
    ] = None,
    render_samples: Annotated[
        int, typer.Option(min=2, max=10**6, help="Maximum number of recorded frames to train the classifier on.")
    ] = 4000,
    low: Low = True,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure whether vehicles in composed frames face where they should and have the right colour.

    A small classifier, which is first trained on recorded frames of other logs, judges the vehicle in each box. The
    figures of real frames show its own error. Run it with and without `box_headings` and `box_colours` among the
    --conditions to see the effect of these conditions.
    """
    from drivesim.evaluation.attributes.classifier import ClassifierTraining
    from drivesim.evaluation.attributes.figures import attribute_figures, trained_classifier
    from drivesim.evaluation.protocol import Report

    names = conditions_named(conditions)
    engine = engine_of(checkpoints, device, *composers(low))
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size)
    size = frame_size(engine, low)
    with progress() as show:
        footage = footage_of(data, size, samples, split, footage_seed, show)
        recorded = footage_of(renders or data, size, render_samples, Split.all, footage_seed, show)
        classifier = trained_classifier(recorded, footage, ClassifierTraining(), show)
        figures = tuple(attribute_figures(engine, classifier, footage, names, sampling, footage_seed, show))
    deliver(Report("attributes", subject_of(engine, sampling, names), figures), out, as_json)
