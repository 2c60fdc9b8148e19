"""Data-parallel training under `torchrun`: averaged gradients, one process where it is not used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Joins the processes that `torchrun` started (gloo on the CPU, nccl on CUDA); nothing to join is fine too."""
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, 0 alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def barrier() -> None:
    """Waits for all processes."""
    if dist.is_initialized():
        dist.barrier()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces every gradient by its mean over the processes, in one message."""
    if not dist.is_initialized():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def agreed(value: float, device: str = "cpu") -> float:
    """The value of process 0."""
    if not dist.is_initialized():
        return value
    shared: Tensor = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return shared.item()


def decided(condition: bool, device: str = "cpu") -> bool:
    """What process 0 says, so that all take the same decision."""
    return agreed(float(condition), device) > 0


def everywhere(condition: bool, device: str = "cpu") -> bool:
    """Whether the condition holds in every process."""
    if not dist.is_initialized():
        return condition
    shared: Tensor = torch.tensor([float(condition)], device=device)
    dist.all_reduce(shared, dist.ReduceOp.MIN)
    return bool(shared.item())
