"""What a training step costs: arithmetic and memory of the latent stages of a preset, and what a GPU makes of it.

.venv/bin/python benchmarks/training_cost.py [PRESET] [TERAFLOPS] [UTILISATION] [GIGABYTES_PER_S]

The arithmetic of a step is counted by running the network and its gradients on the meta device, which takes no memory.
Samples per second are an estimate: arithmetic at `UTILISATION` (0.3) of `TERAFLOPS` (990, an H100 in bfloat16), and
gradients or parameters sent at `GIGABYTES_PER_S` (100 between the GPUs of a machine) without overlap, which is the
worst case.
"""

from __future__ import annotations

import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

from drivesim.models.checkpoints import build
from drivesim.models.presets import Preset, preset_named
from drivesim.models.temporal import temporal_parameters
from drivesim.training.preparation.settings import diffusion_settings
from drivesim.training.stages.stage import named_parameters

STAGES = ("image", "prediction", "interpolation")


def flops_of_a_sample(preset: Preset, role: str) -> tuple[float, int, int]:
    """Floating-point operations of a step per sample, all parameters, and the trained ones."""
    settings, video = diffusion_settings(role, preset), preset.video
    factor = preset.autoencoder.factor
    with torch.device("meta"):
        network = build(role, preset)
        trained = named_parameters(network, temporal_parameters(network) or None)
        num_frames = settings.regimes[0].num_frames
        shape = (num_frames, preset.image.in_channels, video.low_height // factor, video.low_width // factor)
        x, tau = torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network(x, tau).square().mean().backward()
    return float(counter.get_total_flops()), _count(network.parameters()), _count(trained.values())


def _count(parameters) -> int:
    return sum(parameter.numel() for parameter in parameters)


def main() -> None:
    given = dict(enumerate(sys.argv))
    preset = preset_named(given.get(1, "paper"))
    teraflops, utilisation = float(given.get(2, 990)), float(given.get(3, 0.3))
    bytes_per_s = 1e9 * float(given.get(4, 100))
    print(f"preset {preset.name}; {teraflops:g} Tflop/s, {utilisation:g} of it used")
    for role in STAGES:
        flops, parameters, trained = flops_of_a_sample(preset, role)
        batch = diffusion_settings(role, preset).batch_size
        computing = batch * flops / (1e12 * teraflops * utilisation)
        whole = 4 * parameters + 12 * trained  # weights; gradient and two moments, or momentum, in float32
        print(
            f"{role}: {parameters / 1e6:.0f} M parameters, {trained / 1e6:.0f} M trained; "
            f"{flops / 1e12:.2f} Tflop per sample, {whole / 2**30:.1f} GiB of weights, gradients and moments"
        )
        for num_gpus in (1, 2, 8):
            share = (num_gpus - 1) / num_gpus
            averaging = 2 * share * 4 * trained / bytes_per_s
            gathering = share * (2 * 4 * parameters + 4 * trained) / bytes_per_s
            for name, sending, held in (("DDP", averaging, whole), ("FSDP2", gathering, whole / num_gpus)):
                rate = num_gpus * batch / (computing + sending)
                print(f"    {num_gpus} GPU, {name}: {rate:.0f} samples/s, {held / 2**30:.1f} GiB per GPU")


if __name__ == "__main__":
    main()
