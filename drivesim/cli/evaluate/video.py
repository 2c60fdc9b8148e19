"""`drivesim evaluate video`: figures of whole videos beside those of recorded ones."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, progress
from drivesim.cli.evaluate.options import AsJson, Data, Low, Out, PresetOption, Seed, Split, SplitOption
from drivesim.cli.evaluate.setup import engine_of, frame_size, local_footage
from drivesim.cli.lines import say
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption, Preset
from drivesim.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from drivesim.detection.detector import Detector
    from drivesim.engine import Engine, EngineSettings
    from drivesim.evaluation.video.report import Part

_PARTS = "distance,warping,diversity,drift,continuity,vehicles"


def video(
    data: Data,
    archives: Annotated[
        list[Path] | None,
        typer.Argument(help="Archives to measure; without them, futures of recorded frames are sampled."),
    ] = None,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    starts: Annotated[
        int,
        typer.Option(min=4, max=10_000, help="Number of moments of the drive logs; half of them are the reference."),
    ] = 64,
    count: Annotated[int, typer.Option("--futures", min=1, max=64, help="Number of futures per moment.")] = 2,
    seconds: Annotated[
        float, typer.Option(min=0.4, max=3600, help="Length of the sampled futures and of the recorded videos.")
    ] = 2.4,
    context: Annotated[int, typer.Option(min=1, max=2, help="Number of known frames.")] = 1,
    passes: Annotated[
        int, typer.Option(min=0, max=2, help="Number of passes of interpolation; 0 measures keyframes alone.")
    ] = 1,
    context_guidance: Annotated[
        float | None,
        typer.Option(min=0, max=20, help="Guidance weight of the known frames.", show_default="the preset's"),
    ] = None,
    scene_guidance: Annotated[
        float | None,
        typer.Option(
            min=0, max=20, help="Guidance weight of the scene in the prediction.", show_default="the preset's"
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Steps of the prediction.", show_default="the preset's")
    ] = None,
    clip_frames: Annotated[
        int | None,
        typer.Option(
            min=2, max=256, help="Frames per clip of the distance.", show_default="16, or all of short videos"
        ),
    ] = None,
    parts: Annotated[str, typer.Option(help="Parts of the evaluation, separated by commas.")] = _PARTS,
    i3d: Annotated[
        Path | None, typer.Option(help="TorchScript file of I3D, such as i3d_torchscript.pt, to measure the FVD.")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(help="ONNX file of your own detector, in place of the vehicle detector.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder that keeps the sampled videos, so that the same command resumes.")
    ] = None,
    low: Low = True,
    seed: Seed = 0,
    split: SplitOption = Split.held_out,
    preset: PresetOption = Preset.fast,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure videos: distance of clips, warping error, diversity of futures, drift, and vehicles that vanish.

    Futures of recorded frames are sampled and measured before the upsampler; archives are measured at either
    resolution. Each figure stands beside that of recorded videos. The distance of clips has a ladder of known damage
    (flicker, frozen and shuffled frames), which shows how strongly it reacts to time.
    """
    from drivesim.engine import sampled_roles, settings_named
    from drivesim.engine.unheeded import heeded_settings
    from drivesim.evaluation.futures import spread_starts
    from drivesim.evaluation.metrics.features import EfficientNetLite0
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.video.measures.features import I3D, StackedFeatures
    from drivesim.evaluation.video.report import Compared, Instruments, Part, video_figures
    from drivesim.evaluation.video.sources.archived import archived_videos, encoder_of
    from drivesim.evaluation.video.sources.sampled import VideoTask, roles_of, sampled_again, sampled_videos
    from drivesim.evaluation.video.sources.videos import halves, recorded_videos

    wanted = _parts_named(parts)
    if not low and not archives:
        raise InputError("--full: sampled futures have not been enlarged; name archives, or leave --full out")
    settings = replace(settings_named(preset.value), interpolation_passes=passes)
    settings = _with_guidance(settings, context_guidance, scene_guidance, steps)
    roles = ("autoencoder",) if archives else roles_of(settings)
    engine = engine_of(checkpoints, device, *roles)
    name, size, task = str(engine.device), frame_size(engine, low), VideoTask(seconds, count, context, seed)
    pictures = EfficientNetLite0(name)
    clips = StackedFeatures(pictures, name) if i3d is None else I3D.load(i3d, name)
    folder = local_footage(data)
    asked, reference = halves(spread_starts(folder, split.value, starts, seconds), folder)
    with ExitStack() as stack:
        seeing = {Part.diversity, Part.continuity, Part.vehicles}
        finder = _detector(engine, detector, stack) if seeing & {*wanted} else None
        show, again = stack.enter_context(progress()), []
        if archives:
            made = archived_videos(engine, archives, size)
        else:
            made = sampled_videos(engine, asked, task, settings, work, show)
            if Part.diversity in wanted and count > 1:
                again = sampled_again(engine, asked, task, settings)
        num_frames = max(2, round(seconds * made[0].fps))
        real, others = (recorded_videos(moments, num_frames, made[0].fps, size) for moments in (asked, reference))
        shortest = min(num_frames, *(len(one.frames) for one in made))
        length = clip_frames or max(2, min(16, shortest))
        if length < clips.shortest:
            raise InputError(
                f"{clips.name}: needs clips of {clips.shortest} frames, these have {length}; give --seconds"
            )
        window_s = engine.video.gaps_per_window / engine.video.keyframe_fps
        instruments = Instruments(clips, pictures, finder, length, window_s, name, encoder_of(engine))
        compared = Compared(made, real, others, again)
        how = f"archives, {passes} passes" if archives else f"{context} known frame(s), {passes} passes"
        seeds = "of the archives" if archives else f"{seed} on, {count} futures each"
        figures = tuple(video_figures(compared, wanted, instruments, seeds, how, show))
    measured = () if archives else sampled_roles(roles, settings, engine.checkpoints)
    subject = {role: engine.checkpoints.sha256[role] for role in measured}
    deliver(
        Report(
            "video", subject | _how_sampled(heeded_settings(settings, engine.checkpoints), preset, archives), figures
        ),
        out,
        as_json,
    )


def _parts_named(text: str) -> list[Part]:
    from drivesim.evaluation.video.report import Part

    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(names - set(Part))
    if unknown or not names:
        raise InputError(f"--parts: expected some of {_PARTS}, got {', '.join(unknown) or 'nothing'}")
    return [part for part in Part if part in names]


def _with_guidance(
    settings: EngineSettings, context: float | None, scene: float | None, steps: int | None
) -> EngineSettings:
    prediction = replace(settings.prediction, steps=steps or settings.prediction.steps)
    asked = any(value is not None for value in (context, scene, steps))  # of the stage itself, not of its student
    return replace(
        settings.without_students(("prediction",) if asked else ()),
        prediction=prediction,
        context_guidance=settings.context_guidance if context is None else context,
        scene_guidance=settings.scene_guidance if scene is None else scene,
    )


def _detector(engine: Engine, path: Path | None, stack: ExitStack) -> Detector | None:
    """The user's detector, or that of the checkpoints, or None if they hold none."""
    from drivesim.detection.onnx.detector import OnnxDetector
    from drivesim.evaluation.detection import OwnDetector

    if path is not None:
        return stack.enter_context(OnnxDetector.open(path, None))
    try:
        return OwnDetector.of(engine)
    except CheckpointError:
        say("no vehicle detector among the checkpoints: vehicles are neither counted nor followed", err=True)
        return None


def _how_sampled(settings: EngineSettings, preset: Preset, archives: list[Path] | None) -> dict[str, str]:
    """What is measured besides the checkpoints."""
    if archives:
        from drivesim.evaluation.steering import steering_subject

        return steering_subject(archives)
    guidance = f"context guidance {settings.context_guidance:g}, scene guidance {settings.scene_guidance:g}"
    guidance += f", context noise {settings.context_noise:g}"
    students = f", students of {' and '.join(settings.students)}" if settings.students else ""
    return {"sampling": f"preset {preset.value}, {settings.prediction.steps} steps, {guidance}{students}"}
