"""Data-parallel training under `torchrun` with averaged gradients; without it there is one process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Joins the processes that `torchrun` started, if it did (gloo on the CPU, nccl on CUDA)."""
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Returns the number of this process; 0 if it is the only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Returns the number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def barrier() -> None:
    """Waits for all processes."""
    if dist.is_initialized():
        dist.barrier()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replaces every gradient by its mean over all processes, in one message.

    Sharded gradients are left alone: the backward pass has averaged them.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not dist.is_initialized() or any(isinstance(gradient, DTensor) for gradient in gradients):
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def agreed(value: float, device: str = "cpu") -> float:
    """Returns the value of process 0."""
    if not dist.is_initialized():
        return value
    shared: Tensor = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(shared, 0)
    return shared.item()


def decided(condition: bool, device: str = "cpu") -> bool:
    """Returns the condition of process 0, so that all processes take the same decision."""
    return agreed(float(condition), device) > 0


def everywhere(condition: bool, device: str = "cpu") -> bool:
    """Returns whether the condition holds in every process."""
    if not dist.is_initialized():
        return condition
    shared: Tensor = torch.tensor([float(condition)], device=device)
    dist.all_reduce(shared, dist.ReduceOp.MIN)
    return bool(shared.item())
