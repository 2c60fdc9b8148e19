"""`drivesim evaluate interpolation`, `decoder` and `upsampler`: video stages beside what they have to beat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivesim.cli.evaluate.figures import deliver, progress
from drivesim.cli.evaluate.options import AsJson, Data, Out, PresetOption, Seed, Split, SplitOption, Steps
from drivesim.cli.evaluate.setup import engine_of, frame_size, local_footage
from drivesim.cli.options import CheckpointsOption, Device, DeviceOption, Preset
from drivesim.errors import FootageError, InputError
from drivesim.models.stages import STAGES

if TYPE_CHECKING:
    from drivesim.engine import Engine
    from drivesim.evaluation.metrics.features import FeatureNetwork
    from drivesim.evaluation.protocol import Figure, Protocol
    from drivesim.evaluation.video.interpolation import Gap
    from drivesim.evaluation.video.measures.features import ClipNetwork
    from drivesim.evaluation.video.versions import Cut, Versions

Clips = Annotated[int, typer.Option(min=4, max=10_000, help="Number of clips; half of them are the reference.")]
Frames = Annotated[int, typer.Option(min=2, max=64, help="Number of frames per clip.")]
I3d = Annotated[
    Path | None, typer.Option(help="TorchScript file of I3D, such as i3d_torchscript.pt, to measure the FVD.")
]


def interpolation(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    gaps: Annotated[int, typer.Option(min=2, max=10_000, help="Number of gaps of each rate.")] = 64,
    rates: Annotated[
        str, typer.Option(help="Passes of interpolation, separated by commas: 1 for T→4T, 2 for 4T→16T.")
    ] = "1,2",
    fast_data: Annotated[
        Path | None,
        typer.Option(help="Folder with drive logs of the frame rate of 4T→16T.", show_default="the folder of --data"),
    ] = None,
    seed: Seed = 0,
    split: SplitOption = Split.held_out,
    preset: PresetOption = Preset.fast,
    steps: Steps = None,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the interpolation model beside linear blending and optical-flow warping, by day and by night.

    T→4T needs drive logs of 10 frames per second, 4T→16T those of 40. With --steps, the model itself is measured, and
    not its few-step student, which has a number of steps of its own.
    """
    from drivesim.engine import sampled_students, settings_named
    from drivesim.evaluation.futures import spread_starts
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.video.interpolation import RATES, frame_rate, interpolated_gaps, interpolation_figures

    numbers = _rates_named(rates)
    roles = ("autoencoder", "image", "interpolation", "decoder")
    engine, settings = engine_of(checkpoints, device, *roles), settings_named(preset.value)
    if steps is not None:
        sampler = replace(settings.interpolation, steps=steps)
        settings = replace(settings.without_students(["interpolation"]), interpolation=sampler)
    slow_data = local_footage(data)
    filled: list[Gap] = []
    identities: list[str] = []
    with progress() as show:
        for rate in numbers:
            folder = (fast_data or slow_data) if rate else slow_data
            length_s = engine.video.interpolation_factor / frame_rate(engine, rate)
            moments = spread_starts(folder, split.value, gaps, length_s)
            of_rate, identity = interpolated_gaps(engine, moments, rate, settings, seed, show)
            filled += of_rate
            identities.append(identity)
        low = frame_size(engine, low=True)
        protocol = _protocol(len(filled), engine.video.interpolation_factor + 1, None, low, f"{seed} on", identities)
        figures = tuple(interpolation_figures(filled, protocol, str(engine.device), show))
    student = sampled_students(settings, engine.checkpoints).get("interpolation")
    steps = settings.interpolation.steps if student is None else STAGES[student].num_steps
    subject = {role: engine.checkpoints.sha256[role] for role in (*roles, *([student] if student else []))}
    how = f"preset {preset.value}, {steps} steps, {' and '.join(RATES[r] for r in numbers)}"
    deliver(Report("interpolation", subject | {"sampling": how}, figures), out, as_json)


def decoder(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    clips: Clips = 64,
    frames: Frames = 16,
    i3d: I3d = None,
    split: SplitOption = Split.held_out,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the temporal decoder beside the decoder of single frames, on recorded clips that are encoded.

    The ratio of their distances is that of Video LDM, Table 3, right (390.88 to 32.94).
    """
    from drivesim.engine import settings_named
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.video.versions import IMAGE_DECODER, VIDEO_DECODER, decoder_versions, whole

    roles = ("autoencoder", "decoder")
    engine = engine_of(checkpoints, device, *roles)
    versions, ratios = decoder_versions(engine, settings_named("fast")), [(IMAGE_DECODER, VIDEO_DECODER)]
    figures = _compared(engine, data, split, (clips, frames), True, versions, ratios, whole, i3d, "encoded frames")
    subject = {role: engine.checkpoints.sha256[role] for role in roles}
    deliver(Report("decoder", subject, figures), out, as_json)


def upsampler(
    data: Data,
    out: Out = None,
    checkpoints: CheckpointsOption = None,
    clips: Clips = 32,
    frames: Frames = 8,
    reconstructed: Annotated[
        bool,
        typer.Option(
            "--reconstructed/--shrunk",
            help="Whether shrunk frames go through the autoencoder before they are enlarged, as in a rollout.",
        ),
    ] = False,
    low_res_taus: Annotated[
        str,
        typer.Option(
            "--low-res-tau", help="Further levels of the noise augmentation to measure, separated by commas: 0,15,60."
        ),
    ] = "",
    i3d: I3d = None,
    seed: Seed = 0,
    split: SplitOption = Split.held_out,
    preset: PresetOption = Preset.fast,
    device: DeviceOption = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Measure the video upsampler beside the image upsampler and bicubic enlargement, on recorded clips.

    The ratio of their distances is that of Video LDM, Table 3, left (165.98 to 45.39). How many vehicles a detector
    finds in enlarged frames is measured by `drivesim evaluate detection`.
    """
    from drivesim.engine import settings_named
    from drivesim.evaluation.protocol import Report
    from drivesim.evaluation.video.versions import (
        BICUBIC,
        IMAGE_UPSAMPLER,
        VIDEO_UPSAMPLER,
        quarters,
        upsampler_versions,
    )

    taus = _taus_named(low_res_taus)
    roles = ("upsampler_image", "upsampler", *(("autoencoder", "decoder") if reconstructed else ()))
    engine, settings = engine_of(checkpoints, device, *roles), settings_named(preset.value)
    versions = upsampler_versions(engine, settings, taus, reconstructed, seed)
    ratios = [(IMAGE_UPSAMPLER, VIDEO_UPSAMPLER), (BICUBIC, VIDEO_UPSAMPLER)]
    how = "reconstructed frames, quarters" if reconstructed else "shrunk frames, quarters"
    figures = _compared(engine, data, split, (clips, frames), False, versions, ratios, quarters, i3d, how, seed)
    subject = {role: engine.checkpoints.sha256[role] for role in roles}
    steps, tau = settings.upsampler.sampling.steps, settings.upsampler.low_res_tau
    subject |= {"sampling": f"preset {preset.value}, {steps} steps, low_res_tau {tau}"}
    deliver(Report("upsampler", subject, figures), out, as_json)


def _compared(
    engine: Engine,
    data: str,
    split: Split,
    sizes: tuple[int, int],
    low: bool,
    versions: Versions,
    ratios: list[tuple[str, str]],
    cut: Cut,
    i3d: Path | None,
    how: str,
    seed: int = 0,
) -> tuple[Figure, ...]:
    """The figures of versions on recorded clips; `sizes` are the number of clips and of frames in each."""
    from drivesim.evaluation.futures import spread_starts
    from drivesim.evaluation.video.sources.videos import halves, identity, recorded_videos
    from drivesim.evaluation.video.versions import version_figures

    (count, num_frames), size, fps = sizes, frame_size(engine, low), _fine_fps(engine)
    networks = _networks(i3d, num_frames, str(engine.device))
    folder = local_footage(data)
    moments = halves(spread_starts(folder, split.value, count, (num_frames - 1) / fps), folder)
    if not low:
        _require_large([path for half in moments for path, _ in half], size[0])
    asked, reference = (recorded_videos(half, num_frames, fps, size) for half in moments)
    protocol = _protocol(len(asked), num_frames, fps, size, f"{seed} on", [identity(reference), identity(asked)], how)
    with progress() as show:
        name = str(engine.device)
        return tuple(version_figures(asked, reference, versions, ratios, cut, networks, protocol, name, show))


def _networks(i3d: Path | None, num_frames: int, device: str) -> tuple[ClipNetwork, FeatureNetwork]:
    from drivesim.evaluation.metrics.features import EfficientNetLite0
    from drivesim.evaluation.video.measures.features import I3D, StackedFeatures

    pictures = EfficientNetLite0(device)
    clips: ClipNetwork = StackedFeatures(pictures, device) if i3d is None else I3D.load(i3d, device)
    if num_frames < clips.shortest:
        raise InputError(f"{clips.name}: needs clips of {clips.shortest} frames; give --frames {clips.shortest}")
    return clips, pictures


def _protocol(
    count: int,
    num_frames: int,
    fps: float | None,
    size: tuple[int, int],
    seeds: str,
    identities: list[str],
    settings: str = "reconstructed ends",
) -> Protocol:
    from drivesim.evaluation.protocol import Protocol

    return Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=count,
        num_frames=num_frames,
        fps=fps,
        height=size[0],
        width=size[1],
        resize="none",
        seeds=seeds,
        reference=" and ".join(identities),
        settings=settings,
    )


def _fine_fps(engine: Engine) -> float:
    return float(engine.video.keyframe_fps * engine.video.interpolation_factor)


def _require_large(paths: list[Path], height: int) -> None:
    from drivesim.data.drive_log import DriveLog

    for path in paths:
        if (found := DriveLog.open(path).labels.height) < height:
            raise FootageError(f"{path}: frames of {found} rows say nothing about enlarging to {height}; record larger")


def _rates_named(text: str) -> list[int]:
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names or names - {"1", "2"}:
        raise InputError(f"--rates: expected 1, 2 or 1,2, got {text!r}")
    return [int(name) - 1 for name in sorted(names)]


def _taus_named(text: str) -> list[int]:
    try:
        taus = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"--low-res-tau: expected whole numbers separated by commas, got {text!r}") from None
    if any(not 0 <= tau < 1000 for tau in taus):
        raise InputError(f"--low-res-tau: expected diffusion times from 0 to 999, got {text!r}")
    return taus
