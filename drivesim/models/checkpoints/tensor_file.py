"""Tensors in a safetensors file: the same tensors and metadata give the same bytes in every process."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints.int8_weights import without_int8_weights


def tensor_file(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[bytes, memoryview]:
    """Returns the content of a safetensors file, header and data.

    The library writes metadata in an order that differs from process to process; here it is sorted.
    """
    content = memoryview(save({name: tensor.contiguous() for name, tensor in tensors.items()}))
    size = int.from_bytes(content[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(bytes(content[8 : 8 + size]))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text, content[8 + size :]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Reads the tensors and the metadata of a safetensors file; int8 weights become float32 again.

    Raises:
        CheckpointError: The file is missing or damaged, or holds a value that is not finite.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; `drivesim doctor` lists what is missing")
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error}); nothing else is loaded") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} holds values that are not finite")
    if "weights" in metadata:
        try:
            tensors = _restored(tensors, metadata["weights"])
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from None
    return tensors, metadata


def metadata_of(path: Path) -> dict[str, str]:
    """Reads the metadata of a safetensors file alone. Raises CheckpointError if the file is missing or damaged."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; `drivesim doctor` lists what is missing")
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error}); nothing else is loaded") from None


def _restored(tensors: dict[str, Tensor], weights: str) -> dict[str, Tensor]:
    if weights != "int8":
        raise ValueError(f"its weights are stored as {weights!r}, which needs a newer drivesim")
    return without_int8_weights(tensors)
