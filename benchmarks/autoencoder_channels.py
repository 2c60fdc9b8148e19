"""Trains autoencoders with different latent channels for equal times, then a small image model on each, and compares.

python benchmarks/autoencoder_channels.py logs --out runs/channels --minutes 8 --image-minutes 20 --channels 12 16 24

Prints for each autoencoder the held-out PSNR of whole frames and inside vehicles, and the perceptual distance; for the
image model the kernel distance of its samples to real frames, beside that of reconstructed frames, times 1000.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from drivesim.data.clips import draw
from drivesim.diffusion.guidance import guided
from drivesim.diffusion.samplers import dpm_solver_2m, final
from drivesim.distances import KernelDistance
from drivesim.evaluation.metrics.features import EfficientNetLite0, features_of
from drivesim.models.checkpoints import load_checkpoint
from drivesim.models.pixels import to_bytes
from drivesim.models.presets import Preset, demo
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.device import use_threads
from drivesim.training.loop.randomness import step_generator
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.autoencoder import AutoencoderStage
from drivesim.training.stages.diffusion import LatentDiffusionStage

_GUIDANCE, _STEPS, _BATCH = 3.0, 16, 24


def preset_of(channels: int) -> Preset:
    """The demo preset with other latent channels and a smaller image model."""
    preset = demo()
    return replace(
        preset,
        autoencoder=replace(preset.autoencoder, latent_channels=channels),
        image=replace(preset.image, in_channels=channels, base_channels=48),
    )


def autoencoder(request: StageRequest, scale_weight: float, hidden_share: float) -> AutoencoderStage:
    """The stage with the given share of its regularisers."""
    stage = prepare(request, lambda *_: None)
    stage.config = replace(stage.config, scale_weight=scale_weight, hidden_share=hidden_share)
    return stage


@torch.no_grad()
def distances(stage: LatentDiffusionStage, count: int) -> tuple[float, float]:
    """Kernel distances times 1000 to real held-out frames: of `count` samples, and of as many reconstructed frames."""
    generator, places = step_generator(11, 0, 0), stage.test[0]
    made, reconstructed = [], []
    index = draw(places, count, 1, generator)
    for part in index.split(_BATCH):
        clean = stage.latents[part].float()
        conditioning = stage.footage.conditioning(part)
        without = conditioning.drop("boxes", "time_of_day", "crowdedness")
        denoise = guided(
            stage.denoiser.bind(lambda x, tau, c=conditioning: stage.network(x, tau, c)),
            stage.denoiser.bind(lambda x, tau, c=without: stage.network(x, tau, c)),
            _GUIDANCE,
        )
        noise = torch.randn(clean.shape, generator=generator)
        made.append(stage.autoencoder.decode(final(dpm_solver_2m(denoise, noise, stage.denoiser.schedule, _STEPS))))
        reconstructed.append(stage.autoencoder.decode(clean))
    network = EfficientNetLite0()
    other = draw(places, 4 * count, 1, step_generator(12, 0, 0))[:, 0].unique().numpy()
    real = features_of(network, np.asarray(stage.footage.footage.frames[other]))
    features = [features_of(network, to_bytes(torch.cat(frames)[:, 0])) for frames in (made, reconstructed)]
    return tuple(1000 * KernelDistance(some, real)() for some in features)


def main() -> None:
    """A line for each autoencoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--image-minutes", type=float, default=20.0, help="0 leaves the image model out.")
    parser.add_argument("--channels", type=int, nargs="+", default=[12, 16, 24])
    parser.add_argument("--scale-weight", type=float, default=0.25, help="Of the scale-equivariance loss; 0 for none.")
    parser.add_argument("--hidden-share", type=float, default=0.3, help="Of batches with hidden channels.")
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    use_threads(options.threads)
    print("channels  steps  psnr  vehicle psnr  perceptual  image steps  samples  reconstructed", flush=True)
    for channels in options.channels:
        folder = options.out / str(channels)
        folder.mkdir(parents=True, exist_ok=True)
        request = StageRequest("autoencoder", preset_of(channels), options.logs, folder)
        make = partial(autoencoder, request, options.scale_weight, options.hidden_share)
        *_, last = train_stage(request, make, TrainingBudget(60 * options.minutes), evaluate_every_s=1e9)
        names = ("held_out_psnr_db", "held_out_vehicle_psnr_db", "held_out_perceptual")
        line = [f"{channels:8d}  {last.step:5d}", *(f"{last.figures[name]:.4f}" for name in names)]
        if options.image_minutes:
            request = replace(request, role="image")
            stage = prepare(request, lambda *_: None)
            budget = TrainingBudget(60 * options.image_minutes)
            *_, last = train_stage(request, lambda stage=stage: stage, budget, evaluate_every_s=1e9)
            averaged = load_checkpoint(request.checkpoint("image"), "image")
            stage.network.load_state_dict(averaged.state_dict())
            line += [f"{last.step:5d}", *(f"{distance:.1f}" for distance in distances(stage, options.samples))]
        print("  ".join(line), flush=True)


if __name__ == "__main__":
    main()
