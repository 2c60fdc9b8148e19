"""`drivesim evaluate`: quality figures with their protocol and 95 % intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.evaluate.conditions import adherence, attributes, crowdedness, road
from drivesim.cli.evaluate.detection import detection
from drivesim.cli.evaluate.figures import deliver, deliver_comparison, progress
from drivesim.cli.evaluate.futures import futures
from drivesim.cli.evaluate.options import (
    AsJson,
    BatchSize,
    Conditions,
    Data,
    FootageSeed,
    Guidance,
    HeldOut,
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
    checkpoint_folder,
    composers,
    engine_of,
    footage_of,
    frame_size,
    sampling_of,
    subject_of,
)
from drivesim.cli.evaluate.steering import steering
from drivesim.cli.evaluate.versions import decoder, interpolation, upsampler
from drivesim.cli.evaluate.video import video
from drivesim.cli.lines import say
from drivesim.cli.options import MOST_THREADS, CheckpointsOption, Device, DeviceOption, Preset, chosen_device
from drivesim.cli.verbs import VerbCommand, examples
from drivesim.models.stages import STAGES, VEHICLE_DETECTOR
from drivesim.waiting import compute_with

app = typer.Typer(no_args_is_help=True, help="Measure quality, with the protocol and the 95 % interval of each figure.")


@app.callback()
def _set_threads(
    threads: Annotated[
        int, typer.Option(min=1, max=MOST_THREADS, help="Number of CPU threads; more are faster if cores are idle.")
    ] = 1,
) -> None:
    compute_with(threads)


app.command(cls=VerbCommand, epilog=examples("evaluate detection"))(detection)
app.command(cls=VerbCommand, epilog=examples("evaluate futures"))(futures)
app.command(cls=VerbCommand, epilog=examples("evaluate video"))(video)
app.command(cls=VerbCommand, epilog=examples("evaluate steering"))(steering)
app.command(cls=VerbCommand, epilog=examples("evaluate interpolation"))(interpolation)
app.command(cls=VerbCommand, epilog=examples("evaluate decoder"))(decoder)
app.command(cls=VerbCommand, epilog=examples("evaluate upsampler"))(upsampler)
app.command(cls=VerbCommand, epilog=examples("evaluate adherence"))(adherence)
app.command(cls=VerbCommand, epilog=examples("evaluate crowdedness"))(crowdedness)
app.command(cls=VerbCommand, epilog=examples("evaluate road"))(road)
app.command(cls=VerbCommand, epilog=examples("evaluate attributes"))(attributes)


@app.command(cls=VerbCommand, epilog=examples("evaluate reconstruction"))
def reconstruction(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 256,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    held_out: HeldOut = None,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the autoencoder: PSNR, SSIM and a perceptual distance, compared with the effect of blur and noise."""
    from drivesim.evaluation.reconstruction import reconstruction_report
    from drivesim.models.checkpoints import CheckpointSet

    models, device_name = CheckpointSet.open(checkpoint_folder(checkpoints)), chosen_device(device)
    video = models.preset.video
    size = (video.low_height, video.low_width)
    with progress() as show:
        footage = footage_of(data, size, samples, split, footage_seed, show, held_out or ())
        report = reconstruction_report(models, footage, footage_seed, device_name, show)
    deliver(report, out, as_json)


@app.command(cls=VerbCommand, epilog=examples("evaluate frames"))
def frames(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 1000,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    conditions: Conditions = "boxes,time_of_day,crowdedness",
    low: Low = True,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 8,
    inception: Annotated[
        Path | None, typer.Option(help="File pt_inception-2015-12-05-6726825d.pth with weights, to measure the FID.")
    ] = None,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the distance of composed frames from real ones.

    For comparison, the distances of other real frames and of damaged frames are measured too. Half of the frames of
    the footage are the reference; the models are conditioned on the other half.
    """
    from drivesim.evaluation.metrics.features import EfficientNetLite0
    from drivesim.evaluation.metrics.inception import InceptionV3
    from drivesim.evaluation.pictures import picture_figures
    from drivesim.evaluation.protocol import Report

    names = conditions_named(conditions)
    engine = engine_of(checkpoints, device, *composers(low))
    name = str(engine.device)
    network = EfficientNetLite0(name) if inception is None else InceptionV3.load(inception, name)
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        made = picture_figures(engine, footage, network, names, sampling, footage_seed, name, show)
        figures = tuple(made)
    deliver(Report("frames", subject_of(engine, sampling, names), figures), out, as_json)


@app.command(STAGES[VEHICLE_DETECTOR].former_name, cls=VerbCommand, hidden=True)
@app.command(VEHICLE_DETECTOR, cls=VerbCommand, epilog=examples("evaluate vehicle_detector"))
def vehicle_detector(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 1000,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    low: Low = False,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the vehicle detector on real frames: AP50, precision and recall by size and time of day."""
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.vehicle_detector import vehicle_detector_figures

    engine = engine_of(checkpoints, device, VEHICLE_DETECTOR)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        figures = tuple(vehicle_detector_figures(engine.networks.vehicle_detector, footage, footage_seed, show))
    subject = {VEHICLE_DETECTOR: engine.checkpoints.sha256[VEHICLE_DETECTOR]}
    deliver(Report(VEHICLE_DETECTOR, subject, figures), out, as_json)


@app.command(cls=VerbCommand, epilog=examples("evaluate sheet"))
def sheet(
    data: Data,
    out: Annotated[Path, typer.Option(help="PNG file to write.")],
    checkpoints: CheckpointsOption = None,
    samples: Samples = 48,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    conditions: Conditions = "boxes,time_of_day",
    low: Low = False,
    columns: Annotated[int, typer.Option(min=1, max=256, help="Number of pairs of frames per row.")] = 4,
    width: Annotated[int, typer.Option(min=32, max=1024, help="Width of each frame in pixels.")] = 256,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    device: DeviceOption = Device.auto,
) -> None:
    """Draw composed frames, without selection, each beside the real frame whose boxes the models were given."""
    from drivesim.archive.export import write_png
    from drivesim.cli.compose import require_png
    from drivesim.evaluation.sheet import composed_sheet

    require_png(out)
    names = conditions_named(conditions)
    engine = engine_of(checkpoints, device, *composers(low))
    sampling = sampling_of(preset, guidance, steps, seed, not low, batch_size)
    with progress() as show:
        footage = footage_of(data, frame_size(engine, low), samples, split, footage_seed, show)
        picture = composed_sheet(engine, footage, names, sampling, columns, width, show)
    write_png(picture, out)
    say(out)


@app.command(cls=VerbCommand, epilog=examples("evaluate compare"))
def compare(
    first: Annotated[Path, typer.Argument(help="Report of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="Another report of the same evaluation.")],
    as_json: AsJson = False,
) -> None:
    """Compare the figures of two reports.

    If the two intervals of a figure do not overlap, the models differ. Reports with different protocols are refused
    with exit code 2.
    """
    from drivesim.evaluation.compare import compare_reports
    from drivesim.evaluation.protocol import Report

    pairs = compare_reports(Report.read(first), Report.read(second))
    deliver_comparison(pairs, (str(first), str(second)), as_json)
