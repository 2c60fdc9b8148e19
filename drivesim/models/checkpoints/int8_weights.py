"""Weights as eight-bit integers with a scale per output channel, for files of half the size.

A weight `w` of output channel `o` is stored as `round(w / scale[o])` in -127..127, with `scale[o]` the largest
magnitude of the channel over 127: no weight moves by more than half a scale. Networks still compute in
float32: the weights are restored when a file is loaded.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST = 127
_SCALE = "/scale"
_MIN_WEIGHTS = 4096  # smaller matrices save next to nothing


def int8_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns two tensors for each large matrix or convolution among `weights`.

    A weight `o ...` of name `n` becomes `n`, int8 `o ...`, and `n/scale`, float32 `o`. Smaller weights are left out.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if tensor.ndim < 2 or tensor.numel() < _MIN_WEIGHTS:
            continue
        rows = tensor.float().flatten(1)
        largest = rows.abs().amax(1)
        scale = torch.where(largest > 0, largest / LARGEST, 1.0)
        levels = (rows / scale[:, None]).round().clamp(-LARGEST, LARGEST)
        stored[name] = levels.to(torch.int8).reshape(tensor.shape)
        stored[name + _SCALE] = scale
    return stored


def without_int8_weights(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a file with its int8 weights as float32.

    Raises:
        ValueError: A scale is missing or damaged, or belongs to no weight.
    """
    names = {name for name in stored if not name.endswith(_SCALE)}
    tensors: dict[str, Tensor] = {}
    for name in stored:
        if name not in names:
            weight = name.removesuffix(_SCALE)
            if weight not in names or stored[weight].dtype != torch.int8:
                raise ValueError(f"{name} is the scale of no int8 weight")
        elif stored[name].dtype == torch.int8:
            tensors[name] = _scaled(name, stored[name], stored.get(name + _SCALE))
        else:
            tensors[name] = stored[name]
    return tensors


def _scaled(name: str, levels: Tensor, scale: Tensor | None) -> Tensor:
    if scale is None:
        raise ValueError(f"the scale of the int8 weight {name} is missing")
    if levels.ndim < 2 or scale.shape != levels.shape[:1] or scale.dtype != torch.float32:
        found = f"{str(scale.dtype).removeprefix('torch.')} {tuple(scale.shape)}"
        raise ValueError(f"the scale of {name}, int8 {tuple(levels.shape)}, is {found}, not one float32 per row")
    if not (torch.isfinite(scale) & (scale > 0)).all():
        raise ValueError(f"the scale of {name} holds values that are not positive and finite")
    if (levels < -LARGEST).any():
        raise ValueError(f"the int8 weight {name} holds values below {-LARGEST}")
    return levels.float() * scale.reshape(-1, *[1] * (levels.ndim - 1))
