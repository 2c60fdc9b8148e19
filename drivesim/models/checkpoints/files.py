"""One checkpoint: weights in fp16 or int8, with role and configuration in the metadata of a safetensors file.

The file of a video stage holds the parameters of its temporal layers only and names the sha256 of the checkpoint that
it stands on. Loading it demands that the parameters it lacks are exactly those that the other checkpoint holds.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from drivesim import durable
from drivesim.errors import CheckpointError
from drivesim.models.checkpoints.int8_weights import int8_weights
from drivesim.models.checkpoints.tensor_file import read_tensors, tensor_file
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.networks import architecture_of, network_of
from drivesim.models.stages import BASE_OF, LAYOUTS, TEACHER_OF, current_name
from drivesim.models.temporal import temporal_names
from drivesim.regular_files import sha256_of

Weights = Literal["fp16", "int8"]
PARTIAL_SUFFIX = ".partial"


def save_checkpoint(
    path: Path,
    model: nn.Module | LayoutPrior,
    role: str,
    base_sha256: str | None = None,
    weights: Weights = "fp16",
    teacher_sha256: str | None = None,
) -> None:
    """Writes the checkpoint of a stage, whole or not at all. The same weights give the same bytes in every process.

    Args:
        path: The file.
        model: The network of the stage with its configuration, or the layout prior.
        role: The stage.
        base_sha256: sha256 of the checkpoint that a video stage stands on; None for the other stages.
        weights: `fp16`, or `int8` for one scale per output channel in large matrices and convolutions.
        teacher_sha256: sha256 of the checkpoint whose student this is; None for the other stages.

    Raises:
        CheckpointError: A value is not finite, so that the file could not be loaded again.
        OSError: The file cannot be written, for instance because the disk is full.
    """
    content = checkpoint_content(path, model, role, base_sha256, weights, teacher_sha256)
    durable.write_file(path, *content, suffix=PARTIAL_SUFFIX)
    durable.sync_folder(path.parent)


def checkpoint_content(
    path: Path,
    model: nn.Module | LayoutPrior,
    role: str,
    base_sha256: str | None,
    weights: Weights = "fp16",
    teacher_sha256: str | None = None,
) -> tuple[bytes, memoryview]:
    """Returns what `save_checkpoint` writes, header and data; `path` only names the file in errors."""
    ancestors = {"base": (role in BASE_OF, base_sha256), "teacher": (role in TEACHER_OF, teacher_sha256)}
    for name, (is_needed, digest) in ancestors.items():
        if is_needed != (digest is not None):
            raise ValueError(f"a checkpoint of stage {role} {'needs' if is_needed else 'has no'} {name}")
    exact = _stored_tensors(model, role)
    tensors = {name: tensor.half() for name, tensor in exact.items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: not written, tensor {name} holds values that are not finite in fp16")
    metadata = {"format": "1", "role": role, "config": json.dumps(_config_values(model))}
    if base_sha256 is not None:
        metadata["base_sha256"] = base_sha256
    if teacher_sha256 is not None:
        metadata["teacher_sha256"] = teacher_sha256
    if weights == "int8":
        if not isinstance(model, nn.Module):
            raise ValueError(f"stage {role} has no weights to store as int8")
        metadata["weights"] = weights
        tensors |= int8_weights({name: exact[name] for name, _ in model.named_parameters() if name in exact})
    elif weights != "fp16":
        raise ValueError(f"weights are stored as fp16 or int8, not {weights!r}")
    return tensor_file(tensors, metadata)


def load_checkpoint(path: Path, role: str, base: Path | None = None) -> nn.Module:
    """Loads the network of a stage in float32, in evaluation mode.

    Args:
        path: The checkpoint.
        role: The stage that it must be of.
        base: The checkpoint that a video stage stands on.

    Raises:
        CheckpointError: The file is missing, is not a safetensors file, belongs to another stage, was made for another
            base, or holds tensors whose names, shapes or values do not fit.
    """
    tensors, metadata = _read_stage(path, role)
    network = _network_of_file(path, role, metadata)
    expected = set(network.state_dict())
    if role in BASE_OF:
        tensors |= _base_tensors(path, metadata, role, base, expected - temporal_names(network))
    _check_names(path, expected, set(tensors))
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    return network.eval()


def load_layout_prior(path: Path) -> LayoutPrior:
    """Loads the layouts that stage `layouts` collected.

    Raises:
        CheckpointError: The file is missing or damaged, or belongs to another stage.
    """
    tensors, _ = _read_stage(path, LAYOUTS)
    try:
        return LayoutPrior.from_tensors(tensors)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def stage_tensors(path: Path, role: str) -> dict[str, Tensor]:
    """Returns the tensors in the file of a stage, in float32, as a start for more training.

    Raises:
        CheckpointError: The file is missing or damaged, or belongs to another stage.
    """
    return {name: tensor.float() for name, tensor in _read_stage(path, role)[0].items()}


def config_of(path: Path) -> dict[str, object]:
    """Returns the configuration of a network as its checkpoint holds it.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        return TypeAdapter(dict[str, object]).validate_json(read_tensors(path)[1].get("config", "{}"))
    except ValidationError as error:
        raise _unreadable_config(path, error) from None


def latent_channels_of(path: Path) -> int | None:
    """Returns how many latent channels a checkpoint was made for; None for a stage that sees no latents.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    config = config_of(path)
    try:
        channels = config.get("latent_channels", config.get("in_channels"))
        return TypeAdapter(int | None).validate_python(channels)
    except ValidationError as error:
        raise _unreadable_config(path, error) from None


def base_sha256_of(base: Path, path: Path, network: nn.Module) -> str:
    """Returns the sha256 of the checkpoint `base`, whose tensors a video stage must have kept.

    Raises:
        CheckpointError: `base` is missing or damaged, or the network extends another one.
    """
    tensors, _ = read_tensors(base)
    temporal = temporal_names(network)
    spatial = {name: tensor for name, tensor in network.state_dict().items() if name not in temporal}
    same = tensors.keys() == spatial.keys() and all(
        torch.equal(tensor.float(), spatial[name].float().cpu()) for name, tensor in tensors.items()
    )
    if not same:
        raise CheckpointError(f"{path}: not written, it was trained on another checkpoint than {base}; train it again")
    return sha256_of(base)


def _stored_tensors(model: nn.Module | LayoutPrior, role: str) -> dict[str, Tensor]:
    if not isinstance(model, nn.Module):
        return model.tensors()
    temporal = temporal_names(model) if role in BASE_OF else None
    return {
        name: tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
        if temporal is None or name in temporal
    }


def _config_values(model: Any) -> dict[str, Any]:
    """The configuration of a network or a layout prior, which both keep as the dataclass `config`."""
    return asdict(model.config)


def _read_stage(path: Path, role: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    tensors, metadata = read_tensors(path)
    found = metadata.get("role")
    if found is None or current_name(found) != role:
        raise CheckpointError(f"{path}: expected a checkpoint of stage {role}, got {found!r}")
    return tensors, metadata


def _network_of_file(path: Path, role: str, metadata: dict[str, str]) -> nn.Module:
    """The network on the meta device: a file whose configuration asks for too much is refused by its shapes."""
    try:
        config = TypeAdapter(architecture_of(role).config).validate_json(metadata.get("config", ""))
    except ValidationError as error:
        raise _unreadable_config(path, error) from None
    try:
        with torch.device("meta"):
            return network_of(role, config)
    except (ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        raise CheckpointError(f"{path}: no network has its configuration ({error})") from None


def _base_tensors(
    path: Path, metadata: dict[str, str], role: str, base: Path | None, spatial: set[str]
) -> dict[str, Tensor]:
    if base is None:
        raise CheckpointError(f"{path}: stage {role} needs the checkpoint of stage {BASE_OF[role]} beside it")
    found = sha256_of(base) if base.is_file() else "no file"
    if found != metadata.get("base_sha256"):
        raise CheckpointError(
            f"{path}: was trained on a {BASE_OF[role]} checkpoint with sha256 {metadata.get('base_sha256')}, "
            f"but {base} is {found}; train stage {role} again on it"
        )
    tensors, _ = read_tensors(base)
    _check_names(base, spatial, set(tensors))
    return tensors


def _check_names(path: Path, expected: set[str], found: set[str]) -> None:
    if expected != found:
        missing, extra = sorted(expected - found)[:3], sorted(found - expected)[:3]
        raise CheckpointError(f"{path}: tensors do not fit the network: missing {missing}, unexpected {extra}")


def _unreadable_config(path: Path, error: ValidationError) -> CheckpointError:
    return CheckpointError(f"{path}: its configuration is not readable: {error.errors()[0]['msg']}")
