"""A device that is not the CPU, on machines without a GPU: it computes on the CPU, and refuses what a GPU would.

Its name is torch's `meta`, the one device beside the CPU that every build of torch knows; tensors on it have values
here. Within `StandInDevice`, operations on tensors of both devices raise RuntimeError, except for scalars, as they do
with a GPU, and so does drawing numbers with a generator of the CPU. `num_waits` counts the values that were fetched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.optim import adam, adamw, optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

NAME = "meta"
_aten = torch.ops.aten
_COPIES = (_aten._to_copy.default, _aten.copy_.default)
_FETCHES = (_aten._local_scalar_dense.default, _aten.equal.default, _aten.nonzero.default)
_INDEXING = (_aten.index.Tensor, _aten.index_put_.default, _aten._index_put_impl_.default)


class _There(Tensor):
    """A tensor on the stand-in device; `value` is on the CPU."""

    @staticmethod
    def __new__(cls, value: Tensor) -> _There:
        made = Tensor._make_wrapper_subclass(
            cls, value.shape, strides=value.stride(), storage_offset=value.storage_offset(), dtype=value.dtype,
            device=NAME,
        )  # fmt: skip
        made.value = value
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError(f"{function} outside of StandInDevice")


class StandInDevice(TorchDispatchMode):
    """Within it, `meta` is a device like a GPU."""

    num_waits = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        there = any(isinstance(tensor, _There) for tensor in tensors)
        wanted = kwargs.get("device")
        if wanted is not None:
            there = torch.device(wanted).type == NAME
            kwargs["device"] = "cpu"
        elif function in _COPIES:
            there = isinstance(args[0], _There)
        self._refuse(function, tensors, args, kwargs, there)
        if function in _FETCHES and there:
            self.num_waits += 1
        result = function(*tree_map(_value, args), **tree_map(_value, kwargs))
        if not there:
            return result
        known = {id(tensor.value): tensor for tensor in tensors if isinstance(tensor, _There)}
        return tree_map(lambda made: known[id(made)] if id(made) in known else _moved(made), result)

    def _refuse(self, function, tensors: list[Tensor], args: tuple, kwargs: dict, there: bool) -> None:
        generator = kwargs.get("generator")
        if there and generator is not None and generator.initial_seed() not in _Generator.seeds_there:
            raise RuntimeError(f"{function}: a generator of the CPU for numbers on another device")
        if function in _COPIES or function in _INDEXING:
            return
        here = [tensor for tensor in tensors if not isinstance(tensor, _There) and tensor.ndim]
        if here and len(here) < len(tensors) and any(isinstance(tensor, _There) for tensor in tensors):
            raise RuntimeError(f"{function}: tensors on the CPU and on another device, here {tuple(here[0].shape)}")


class _Generator(torch.Generator):
    """A generator of either device. Operations are given it as one of the CPU, so those elsewhere are known by seed."""

    seeds_there: ClassVar[set[int]] = set()

    def __new__(cls, device: torch.device | str = "cpu") -> _Generator:
        made = super().__new__(cls, "cpu")
        made.is_there = torch.device(device).type == NAME
        return made

    def __init__(self, device: torch.device | str = "cpu") -> None:
        pass

    def manual_seed(self, seed: int) -> _Generator:
        if self.is_there:
            self.seeds_there.add(seed)
        super().manual_seed(seed)
        return self


def _tensor(on_cpu: Callable[..., Tensor], data: object, device: torch.device | str | None = None, **options) -> Tensor:
    """`torch.tensor`, which fills tensors below all modes."""
    made = on_cpu(data, **options)
    return made if device is None else made.to(device)


def _moved(value):
    return _There(value) if isinstance(value, Tensor) else value


def _value(value):
    return value.value if isinstance(value, _There) else value


@contextlib.contextmanager
def stand_in_device() -> Iterator[StandInDevice]:
    """Turns `meta` into a device for the duration of the block, for autocast, generators and optimisers too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "Generator", _Generator)
        patch.setattr(torch, "tensor", partial(_tensor, torch.tensor))
        patch.setattr(Tensor, "new_tensor", lambda like, data: torch.tensor(data, dtype=like.dtype).to(like.device))
        patch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
        for module in (optimizer, adam, adamw):
            if hasattr(module, "_get_fused_kernels_supported_devices"):
                patch.setattr(module, "_get_fused_kernels_supported_devices", lambda: ["cpu", NAME])
        with StandInDevice() as device:
            yield device
