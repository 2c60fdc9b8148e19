"""The randomness of a training step, all of which comes from one generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def same_start(seed: int) -> Iterator[None]:
    """Makes networks that are built inside begin with the same parameters in every process and every run."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def step_generator(seed: int, step: int, process: int) -> torch.Generator:
    """Returns the generator of one step in one process, on the CPU."""
    return _generator_named(f"{seed}/{step}/{process}")


def sample_generator(seed: int, number: int, process: int) -> torch.Generator:
    """Returns the generator of a sample that a stage is trained on, on the CPU."""
    return _generator_named(f"{seed}/sample {number}/{process}")


def standard_normal(shape: Sequence[int], generator: torch.Generator, device: torch.device | str) -> Tensor:
    """Draws standard normal noise.

    On another device than the CPU it comes from a generator of that device, whose seed `generator` gives: drawing
    millions of numbers on one core would take longer than the step itself.

    Args:
        shape: Shape of the noise.
        generator: Source of randomness, on the CPU.
        device: Device of the noise.
    """
    if torch.device(device).type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def _generator_named(name: str) -> torch.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") % 2**63)
