"""Trains the image stage for a few minutes under several settings, all from the same start, and compares them.

python benchmarks/image_training.py logs --init checkpoints/demo --out trials --minutes 6 --trials base uniform_times
python benchmarks/image_training.py logs --init checkpoints/demo --out widths --trials base --base-channels 64 96 128

All trials start from the image checkpoint in `--init`. With `--base-channels`, networks of each width start from
nothing, and `--init` gives only autoencoder and vehicle detector.

Prints, for each: steps, held-out loss over all cells and over those of vehicles, and of frames composed at low
resolution the boxes that the vehicle detector finds, unasked vehicles a frame and the kernel distance to real frames.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from composed_and_read import ComposedAndRead

from drivesim.diffusion.times import UNIFORM
from drivesim.engine import Engine, fast
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.presets import Preset
from drivesim.models.stages import checkpoint_file
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.device import use_threads
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.diffusion import LatentDiffusionStage


def base(stage: LatentDiffusionStage) -> None:
    """The settings that the default is trained with."""


def all_cells_alike(stage: LatentDiffusionStage) -> None:
    """No cell counts more for holding a vehicle."""
    stage.config = replace(stage.config, vehicle_weight=1.0)


def min_snr(stage: LatentDiffusionStage) -> None:
    """Hang et al., 2023, gamma 5."""
    stage.denoiser = replace(stage.denoiser, min_snr_gamma=5.0)


def uniform_times(stage: LatentDiffusionStage) -> None:
    """Diffusion times are uniform, instead of with a normal log-SNR. Held-out losses are measured alike."""
    stage.config = replace(stage.config, times=UNIFORM)


TRIALS = {change.__name__: change for change in (base, all_cells_alike, min_snr, uniform_times)}


def changed(trial: str, request: StageRequest) -> LatentDiffusionStage:
    """The stage with the settings of a trial."""
    stage = prepare(request, lambda *_: None)
    TRIALS[trial](stage)
    return stage


def starts(preset: Preset, initial: Path, widths: list[int] | None) -> list[tuple[str, Preset, Path | None]]:
    """Names, sizes and initial checkpoints of what each trial starts from."""
    if widths is None:
        return [("", preset, initial)]
    wider = [replace(preset, image=replace(preset.image, base_channels=width)) for width in widths]
    return [(f"_{width}_channels", sized, None) for width, sized in zip(widths, wider, strict=True)]


def main() -> None:
    """A line for each trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument(
        "--init", type=Path, required=True, help="Checkpoints with an autoencoder, a vehicle detector and the start."
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=None)
    parser.add_argument("--samples", type=int, default=384, help="Half of them are the reference.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=list(TRIALS))
    parser.add_argument(
        "--base-channels", type=int, nargs="+", help="Widths of the finest level of networks that start from nothing."
    )
    options = parser.parse_args()

    use_threads(options.threads)
    preset = CheckpointSet.open(options.init).preset
    print("trial  steps  loss  vehicle loss  found  unasked/frame  kernel distance x1000", flush=True)
    for trial, (name, sized, initial) in product(options.trials, starts(preset, options.init, options.base_channels)):
        folder = options.out / f"{trial}{name}"
        folder.mkdir(parents=True, exist_ok=True)
        for role in ("autoencoder", "vehicle_detector"):
            shutil.copy(checkpoint_file(options.init, role), folder)
        request = StageRequest(
            "image",
            sized,
            options.logs,
            folder,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            initial=initial,
        )
        budget = TrainingBudget(60 * options.minutes)
        *_, last = train_stage(request, partial(changed, trial, request), budget, evaluate_every_s=1e9)
        losses = (last.figures["held_out_loss"], last.figures["held_out_vehicle_loss"])
        measured = ComposedAndRead(Engine(CheckpointSet.open(folder)), options.logs, options.samples)
        figures = (*losses, *measured.composed(fast()))
        print(f"{folder.name:<30} {last.step:5d}  " + "  ".join(f"{figure:.4f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
