"""All randomness of a training step: one generator, from which noise is drawn where it is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def step_generator(seed: int, step: int, process: int) -> torch.Generator:
    """The generator of one step of one process, on the CPU."""
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") % 2**63)


def standard_normal(shape: Sequence[int], generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Standard normal noise of a shape, on a device.

    On the CPU it comes from `generator`, which is the CPU's. Elsewhere it comes from a generator of the device, whose
    seed `generator` gives: millions of numbers drawn on one core would take longer than the step that they are for.
    """
    if torch.device(device).type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)
