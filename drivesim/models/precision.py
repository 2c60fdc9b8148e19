"""The precision that networks compute in: float32, or bfloat16 if the hardware multiplies it quickly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drivesim.models.autoencoder import Decoder
from drivesim.models.conditioning import Conditioning
from drivesim.models.unet import UNet

FLOAT32, BFLOAT16 = PRECISIONS = ("float32", "bfloat16")


def bfloat16_is_fast(device: torch.device | str) -> bool:
    """Returns whether a device has instructions for bfloat16; without them it is slower than float32."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def compute_in_bfloat16(network: nn.Module) -> nn.Module:
    """Lets every U-Net and decoder in a network compute in bfloat16; inputs and outputs stay float32.

    The network is changed and returned. Samplers, guidance and the statistics of latents are outside these modules,
    and so remain float32.
    """
    for module in network.modules():
        if isinstance(module, UNet | Decoder):
            module.to(torch.bfloat16)
            module.register_forward_pre_hook(lambda _, inputs: tuple(map(_reduced, inputs)))
            module.register_forward_hook(lambda _, inputs, output: output.float())
    return network


def _reduced(value: object) -> object:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.bfloat16()
    return value.in_dtype(torch.bfloat16) if isinstance(value, Conditioning) else value
