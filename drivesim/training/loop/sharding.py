"""Networks whose parameters, gradients and optimiser states are divided among processes (FSDP2).

A sharded parameter is a `DTensor`: each process holds a part of its rows, and gathers the whole parameters of a block
only while that block computes. Everything that acts on single numbers (optimiser, moving average) acts on the parts.
What needs whole tensors (Muon's matrices, saved states, exported checkpoints) gathers them, which all processes do
together. Ordinary tensors pass through all of these functions unchanged, so that there is one training loop.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard

from drivesim.models.networks import network_of
from drivesim.models.unet import UNet, UNetBlock
from drivesim.training.loop.distributed import world_size


def shard(network: nn.Module, device: str) -> None:
    """Divides a U-Net among the processes of the group, block by block.

    Raises:
        TypeError: The network is no U-Net. Stages with a discriminator balance their losses by gradients with respect
            to one parameter, which a sharded network does not have as a whole.
    """
    if not isinstance(network, UNet):
        raise TypeError(f"expected a U-Net to shard, got {type(network).__name__}")
    # FSDP warns of views, because a change in place would lose its hooks; the U-Net changes nothing in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    mesh = init_device_mesh(torch.device(device).type, (world_size(),))
    for block in [module for module in network.modules() if isinstance(module, UNetBlock)]:
        fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh, reshard_after_forward=True)  # nothing of an evaluation stays for the next step


def is_sharded(network: nn.Module) -> bool:
    """Returns whether a network is divided among processes."""
    return isinstance(network, FSDPModule)


def mesh_of(tensor: Tensor) -> DeviceMesh | None:
    """Returns the processes that a tensor is divided among; None for an ordinary tensor."""
    return tensor.device_mesh if isinstance(tensor, DTensor) else None


def part(tensor: Tensor) -> Tensor:
    """Returns the part of a tensor that this process holds, in the same memory and without a gradient."""
    tensor = tensor.detach()
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def part_like(whole: Tensor, parameter: Tensor) -> Tensor:
    """Returns the rows of a whole tensor that this process holds of a parameter."""
    mesh = mesh_of(parameter)
    return whole if mesh is None else rows_of(whole.to(parameter.device)[None], mesh)[0]


def gathered(tensor: Tensor) -> Tensor:
    """Returns a whole tensor from its parts; every process of the group calls this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """Returns a whole tensor from parts that have the same rows as those of a parameter; see `gathered`."""
    mesh = mesh_of(parameter)
    return tensor if mesh is None or not tensor.ndim else gathered_rows(tensor[None], len(parameter), mesh)[0]


def gathered_rows(stack: Tensor, num_rows: int, mesh: DeviceMesh) -> Tensor:
    """Returns whole tensors `k n ...` from parts `k m ...` with some of their `n` rows each; see `gathered`."""
    shape = torch.Size((len(stack), num_rows, *stack.shape[2:]))
    stride = torch.empty(shape, device="meta").stride()
    placed = DTensor.from_local(stack.contiguous(), mesh, [Shard(1)], run_check=False, shape=shape, stride=stride)
    whole: Tensor = placed.full_tensor()
    return whole


def rows_of(stack: Tensor, mesh: DeviceMesh) -> Tensor:
    """Returns the part `k m ...` of whole tensors `k n ...` that this process holds; nothing is communicated."""
    placed = DTensor.from_local(stack, mesh, [Replicate()], run_check=False)
    return placed.redistribute(mesh, [Shard(1)]).to_local()


def whole_network(network: nn.Module, role: str) -> nn.Module:
    """Returns a sharded network of a stage as a whole, on the CPU; any other network is returned as it is."""
    if not isinstance(network, UNet) or not is_sharded(network):
        return network
    tensors = {name: gathered(tensor.detach()).cpu() for name, tensor in network.state_dict().items()}
    with torch.device("meta"):
        copy = network_of(role, network.config)
    copy.load_state_dict(tensors, assign=True)
    return copy
