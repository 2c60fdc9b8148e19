"""`drivesim evaluate detection`: counts what a detector finds in the frames that each step of the chain makes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, detection_table, progress
from drivesim.cli.evaluate.options import (
    AsJson,
    BatchSize,
    Data,
    FootageSeed,
    Guidance,
    Out,
    PresetOption,
    Samples,
    Seed,
    Split,
    SplitOption,
    Steps,
)
from drivesim.cli.evaluate.setup import engine_of, footage_of, frame_size, sampling_of
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption, Preset
from drivesim.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from drivesim.detection.detector import Detector
    from drivesim.engine import Engine
    from drivesim.evaluation.samples.chain_frames import FrameSource

_WAYS = "render,small_bicubic,small_upsampler,autoencoder_bicubic,autoencoder_upsampler,composed"


def detection(
    data: Data,
    detector: Annotated[Path | None, typer.Option(help="ONNX file of your own detector.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="Settings of the detector, as YAML or JSON.", show_default="the file beside it, such as FILE.yaml"
        ),
    ] = None,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    samples: Samples = 60,
    seed: Seed = 0,
    footage_seed: FootageSeed = 0,
    split: SplitOption = Split.held_out,
    made: Annotated[str, typer.Option(help="Kinds of frames to measure, separated by commas.")] = _WAYS,
    preset: PresetOption = Preset.fast,
    guidance: Guidance = None,
    steps: Steps = None,
    batch_size: BatchSize = 4,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure how many vehicles a detector finds in recorded, reconstructed and composed frames.

    If the checkpoints hold a vehicle detector, it is measured too.
    """
    from drivesim.detection.onnx.detector import OnnxDetector
    from drivesim.engine import sampled_roles
    from drivesim.evaluation.detection import detection_figures
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.samples.chain_frames import ROLES

    wanted = _ways_named(made)
    if settings is not None and detector is None:
        raise InputError("--settings belongs to a detector; name it with --detector")
    with ExitStack() as stack:
        detectors: list[Detector] = []
        if detector is not None:
            detectors.append(stack.enter_context(OnnxDetector.open(detector, settings)))
        roles = list(dict.fromkeys(role for way in wanted for role in ROLES[way]))
        engine = engine_of(checkpoints, device, *roles)
        detectors = [*_own(engine, required=not detectors), *detectors]
        sampling = sampling_of(preset, guidance, steps, seed, True, batch_size)
        show = stack.enter_context(progress())
        footage = footage_of(data, frame_size(engine, low=False), samples, split, footage_seed, show)
        figures = tuple(detection_figures(engine, footage, detectors, wanted, sampling, footage_seed, show))
    measured = sampled_roles(roles, sampling.settings, engine.checkpoints)
    subject = {role: engine.checkpoints.sha256[role] for role in measured}
    subject["sampling"] = sampling.subject(engine.checkpoints)
    deliver(Report("detection", subject, figures), out, as_json, detection_table)


def _ways_named(made: str) -> list[FrameSource]:
    from drivesim.evaluation.samples.chain_frames import FrameSource

    names = {name.strip() for name in made.split(",") if name.strip()}
    unknown = sorted(names - set(FrameSource))
    if unknown or not names:
        raise InputError(f"--made: expected some of {_WAYS}, got {', '.join(unknown) or 'nothing'}")
    return [way for way in FrameSource if way in names]


def _own(engine: Engine, required: bool) -> list[Detector]:
    """Returns the vehicle detector of the checkpoints; an empty list if they hold none and it is not required."""
    from drivesim.evaluation.detection import OwnDetector

    try:
        return [OwnDetector.of(engine)]
    except CheckpointError:
        if required:
            raise
        return []
