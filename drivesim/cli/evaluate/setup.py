"""What the verbs of `drivesim evaluate` measure: engine, footage and sampling from their options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim.cli.evaluate.figures import progress
from drivesim.cli.evaluate.options import Split
from drivesim.cli.options import Device, Preset, chosen_device

if TYPE_CHECKING:
    from drivesim.engine import Engine
    from drivesim.evaluation.samples.composed import FrameSampling
    from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress


def checkpoint_folder(checkpoints: Path | None) -> Path:
    """Returns the given folder, or the default one."""
    from drivesim.assets import default_checkpoints

    return checkpoints or default_checkpoints()


def engine_of(checkpoints: Path | None, device: Device, *roles: str) -> Engine:
    """Returns an engine; only these stages have to exist."""
    from drivesim.engine import Engine
    from drivesim.models.checkpoints import CheckpointSet

    models, name = CheckpointSet.open(checkpoint_folder(checkpoints)), chosen_device(device)
    for role in roles:
        models.verify(role)
    return Engine(models, name)


def composers(low: bool) -> tuple[str, ...]:
    """Returns the stages that make the frames."""
    return ("autoencoder", "image") if low else ("autoencoder", "image", "upsampler_image")


def subject_of(engine: Engine, sampling: FrameSampling, conditions: tuple[str, ...], gate: int = 1) -> dict[str, str]:
    """Returns what is measured: checkpoints, and how they are sampled."""
    from drivesim.engine import sampled_roles
    from drivesim.models.stages import LAYOUTS

    roles = sampled_roles(composers(not sampling.enlarge), sampling.settings, engine.checkpoints)
    if "crowdedness" in conditions and "boxes" not in conditions and engine.draws_layouts(sampling.settings):
        roles = (*roles, LAYOUTS)
    sha256 = {role: engine.checkpoints.sha256[role] for role in roles}
    return {
        **sha256,
        "sampling": f"{sampling.subject(engine.checkpoints)}, {f'gate of {gate} attempts' if gate > 1 else 'no gate'}",
    }


def sampling_of(
    preset: Preset,
    guidance: float | None,
    steps: int | None,
    seed: int,
    enlarge: bool,
    batch_size: int,
    draw_layouts: bool = True,
) -> FrameSampling:
    """Returns how frames are composed: the preset with everything else that is given in its place."""
    from drivesim.engine import settings_named
    from drivesim.evaluation.samples.composed import FrameSampling
    from drivesim.scenario import Sampling

    settings = settings_named(preset.value).with_sampling(Sampling(guidance=guidance, steps=steps))
    return FrameSampling(replace(settings, draw_layouts=draw_layouts), seed, enlarge, batch_size)


def frame_size(engine: Engine, low: bool) -> tuple[int, int]:
    """Returns the height and width of frames before or after the upsampler."""
    from drivesim.engine import frame_shape

    video = engine.video
    return (video.low_height, video.low_width) if low else frame_shape(engine.checkpoints)[:2]


def local_footage(data: str | Path) -> Path:
    """Returns the folder of the footage, under a progress bar while it is copied from a URL."""
    from drivesim.data.remote import footage_folder

    with progress() as show:
        return footage_folder(data, on_progress=show)


def footage_of(
    data: str | Path,
    size: tuple[int, int],
    samples: int,
    split: Split,
    seed: int,
    show: OnProgress,
    held_out: Sequence[str] = (),
) -> MeasuredFootage:
    """Returns the frames of the footage at a path or a URL to measure on; raises FootageError if there are none."""
    from drivesim.data.remote import footage_folder
    from drivesim.evaluation.samples.footage import measured_footage

    folder = footage_folder(data, on_progress=show)
    return measured_footage(folder, *size, samples, split.value, seed, show, frozenset(held_out))
