"""Everything that the next training step depends on, as named tensors, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drivesim.training.loop.ema import MovingAverage
from drivesim.training.loop.optimizer import NetworkOptimizer
from drivesim.training.loop.sharding import gathered, gathered_like, part, part_like

_AVERAGE = "average/"
_MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")


@dataclass(frozen=True)
class TrainedState:
    """Everything that changes while a stage is trained.

    Attributes:
        parameters: The trained parameters by name, for each optimiser.
        optimizers: The optimisers by name.
        average: Moving average of the parameters of the network.
        buffers: Further state of the stage by name.
    """

    parameters: dict[str, dict[str, nn.Parameter]]
    optimizers: dict[str, NetworkOptimizer]
    average: MovingAverage
    buffers: dict[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """Returns the whole state as tensors by name; they share the memory of what is trained.

        Parts of sharded parameters are gathered, which all processes do together.
        """
        averaged = self.average.parameters
        tensors = {
            _AVERAGE + name: gathered_like(tensor, averaged[name]) for name, tensor in self.average.average.items()
        }
        tensors |= {f"buffer/{name}": tensor for name, tensor in self.buffers.items()}
        for group, named in self.parameters.items():
            for name, parameter in named.items():
                tensors[f"{group}/{name}"] = gathered(parameter.detach())
                for key, value in self.optimizers[group].moments(parameter).items():
                    tensors[f"{group}.{key}/{name}"] = gathered_like(torch.as_tensor(value), parameter)
        return tensors

    def is_of_other_parameters(self, tensors: dict[str, Tensor]) -> bool:
        """Returns whether tensors are the state of a training of only some of these parameters, or of more of them."""
        saved = {name.removeprefix(_AVERAGE) for name in tensors if name.startswith(_AVERAGE)}
        mine = set(self.average.average)
        return saved < mine or mine < saved

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restores what `tensors` returned. Raises KeyError or RuntimeError if names or shapes do not fit."""
        for name in self.average.average:
            whole = tensors[_AVERAGE + name]
            self.average.average[name].copy_(part_like(whole, self.average.parameters[name]))
        for name, buffer in self.buffers.items():
            buffer.copy_(tensors[f"buffer/{name}"])
        for group, named in self.parameters.items():
            for name, parameter in named.items():
                part(parameter).copy_(part_like(tensors[f"{group}/{name}"], parameter))
                self.optimizers[group].restore(parameter, _moments(tensors, group, name, parameter))


def not_finite(tensors: dict[str, Tensor]) -> str | None:
    """Returns the name of a tensor of a state with a value that is not finite (averages: in fp16), or None."""
    for name, tensor in tensors.items():
        exported = tensor.half() if name.startswith(_AVERAGE) else tensor
        if not torch.isfinite(exported).all():
            return name
    return None


def _moments(tensors: dict[str, Tensor], group: str, name: str, parameter: nn.Parameter) -> dict[str, Tensor]:
    moments = {
        key: part_like(tensors[f"{group}.{key}/{name}"].to(parameter.device), parameter).clone()
        for key in _MOMENTS
        if f"{group}.{key}/{name}" in tensors
    }
    if "exp_avg" in moments:
        moments["step"] = tensors[f"{group}.step/{name}"].to(parameter.device)
    return moments
