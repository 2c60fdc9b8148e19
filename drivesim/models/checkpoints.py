"""Checkpoints: safetensors alone, fp16 on disk, configuration and role in the metadata, sha256 in a manifest.

A file of a temporal stage holds its temporal parameters only and names the sha256 of the image checkpoint that it
stands on. That one partial load demands that the missing keys are exactly the temporal ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from drivesim.errors import CheckpointError
from drivesim.models.autoencoder import Autoencoder, AutoencoderConfig
from drivesim.models.layout_prior import LayoutPrior, LayoutPriorConfig
from drivesim.models.presets import Preset
from drivesim.models.reader import ReaderConfig, VehicleReader
from drivesim.models.unet import UNet, UNetConfig, is_temporal
from drivesim.models.upsampler import Upsampler, UpsamplerConfig

BASE_OF = {
    "prediction": "image",
    "interpolation": "image",
    "decoder": "autoencoder",
    "upsampler": "upsampler_image",
}
ROLES = ("autoencoder", "image", "prediction", "interpolation", "decoder", "upsampler_image", "upsampler")
READER = "reader"
"""The vehicle detector judges pictures and makes none: a set is whole without it."""
LAYOUTS = "layouts"
"""Where vehicles stand in frames of each crowdedness: without it the image model decides that too."""
OPTIONAL = (READER, LAYOUTS)
STAGES = (*ROLES, *OPTIONAL)
_NETWORKS = {
    AutoencoderConfig: Autoencoder,
    UNetConfig: UNet,
    UpsamplerConfig: Upsampler,
    ReaderConfig: VehicleReader,
    LayoutPriorConfig: LayoutPrior,
}
_CONFIGS = {"autoencoder": AutoencoderConfig, "decoder": AutoencoderConfig}
_CONFIGS |= {"upsampler_image": UpsamplerConfig, "upsampler": UpsamplerConfig}
_CONFIGS |= {READER: ReaderConfig, LAYOUTS: LayoutPriorConfig}
_MANIFEST = "manifest.json"


def build(role: str, preset: Preset) -> nn.Module:
    """An untrained network of a stage."""
    config = preset.config_of(role)
    return _NETWORKS[type(config)](config)


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_checkpoint(path: Path, module: nn.Module, role: str, base_sha256: str | None = None) -> None:
    """Writes the weights of a stage, whole or not at all; of a temporal stage its temporal parameters alone.

    CheckpointError where a value is not finite: what is written can be loaded.
    """
    if (role in BASE_OF) != (base_sha256 is not None):
        raise ValueError(f"a checkpoint of stage {role} {'needs' if role in BASE_OF else 'has no'} base")
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in module.state_dict().items()
        if role not in BASE_OF or is_temporal(name)
    }
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: not written, tensor {name} holds values that are not finite in fp16")
    metadata = {"format": "1", "role": role, "config": json.dumps(asdict(module.config))}
    if base_sha256 is not None:
        metadata["base_sha256"] = base_sha256
    temporary = path.with_name(path.name + ".partial")
    save_file(tensors, temporary, metadata)
    os.replace(temporary, path)


def load_checkpoint(path: Path, role: str, base: Path | None = None) -> nn.Module:
    """The network of a stage in float32, in evaluation mode.

    Raises CheckpointError where the file is missing, no safetensors file, of another stage, made for another base,
    or where names, shapes or values of its tensors do not fit.
    """
    tensors, metadata = _read(path)
    if metadata.get("role") != role:
        raise CheckpointError(f"{path}: expected a checkpoint of stage {role}, got {metadata.get('role')!r}")
    try:
        config = TypeAdapter(_CONFIGS.get(role, UNetConfig)).validate_json(metadata.get("config", ""))
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is not readable: {error.errors()[0]['msg']}") from None
    module = _built_without_memory(path, config)
    expected = set(module.state_dict())
    if role in BASE_OF:
        tensors |= _base_tensors(path, metadata, role, base, {name for name in expected if not is_temporal(name)})
    _check_names(path, expected, set(tensors))
    try:
        module.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {' '.join(str(error).split())[:300]}") from None
    return module.eval()


def _built_without_memory(
    path: Path, config: AutoencoderConfig | UNetConfig | UpsamplerConfig | ReaderConfig
) -> nn.Module:
    """The network on the meta device: a file whose configuration asks for too much is refused by its shapes."""
    try:
        with torch.device("meta"):
            return _NETWORKS[type(config)](config)
    except (ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        raise CheckpointError(f"{path}: no network has its configuration ({error})") from None


def stage_tensors(path: Path, role: str) -> dict[str, torch.Tensor]:
    """The tensors of a stage's own file, in float32, for more training to start from; CheckpointError as above."""
    tensors, metadata = _read(path)
    if metadata.get("role") != role:
        raise CheckpointError(f"{path}: expected a checkpoint of stage {role}, got {metadata.get('role')!r}")
    return {name: tensor.float() for name, tensor in tensors.items()}


def latent_channels_of(path: Path) -> int | None:
    """Latent channels that a stage's checkpoint was made for; None for stages without latents. CheckpointError."""
    try:
        config = TypeAdapter(dict[str, object]).validate_json(_read(path)[1].get("config", "{}"))
        channels = config.get("latent_channels", config.get("in_channels"))
        return TypeAdapter(int | None).validate_python(channels)
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is not readable: {error.errors()[0]['msg']}") from None


def _base_tensors(path: Path, metadata: dict[str, str], role: str, base: Path | None, spatial: set[str]) -> dict:
    if base is None:
        raise CheckpointError(f"{path}: stage {role} needs the checkpoint of stage {BASE_OF[role]} beside it")
    found = sha256_of(base) if base.is_file() else "no file"
    if found != metadata.get("base_sha256"):
        raise CheckpointError(
            f"{path}: was trained on a {BASE_OF[role]} checkpoint with sha256 {metadata.get('base_sha256')}, "
            f"but {base} is {found}; train stage {role} again on it"
        )
    tensors, _ = _read(base)
    _check_names(base, spatial, set(tensors))
    return tensors


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
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
    return tensors, metadata


def _check_names(path: Path, expected: set[str], found: set[str]) -> None:
    if expected != found:
        missing, extra = sorted(expected - found)[:3], sorted(found - expected)[:3]
        raise CheckpointError(f"{path}: tensors do not fit the network: missing {missing}, unexpected {extra}")


@dataclass(frozen=True)
class CheckpointSet:
    """A folder with one checkpoint a stage and `manifest.json` (preset and sha256 of each file)."""

    folder: Path
    preset: Preset
    sha256: dict[str, str]

    @classmethod
    def open(cls, folder: Path | str) -> CheckpointSet:
        """Reads the manifest; CheckpointError where there is none or it is damaged."""
        manifest = Path(folder) / _MANIFEST
        try:
            content = json.loads(manifest.read_bytes())
            preset = TypeAdapter(Preset).validate_python(content["preset"])
            return cls(Path(folder), preset, dict(content["sha256"]))
        except OSError:
            raise CheckpointError(f"{folder}: no checkpoints here (expected {_MANIFEST})") from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{manifest}: damaged manifest: {' '.join(str(error).split())[:200]}") from None

    def path(self, role: str) -> Path:
        """Where the checkpoint of a stage lies."""
        return self.folder / f"{role}.safetensors"

    def load(self, role: str) -> nn.Module:
        """The network of a stage, after comparing every file it is read from with the manifest."""
        for needed in (role, BASE_OF.get(role)):
            if needed is not None:
                self.verify(needed)
        base = self.path(BASE_OF[role]) if role in BASE_OF else None
        return load_checkpoint(self.path(role), role, base)

    def verify_all(self) -> None:
        """CheckpointError unless all files that the set must have or has are as recorded."""
        for role in self.roles:
            self.verify(role)

    @property
    def roles(self) -> tuple[str, ...]:
        """All stages that every set has, and those of the optional ones that belong to this one."""
        return (*ROLES, *(role for role in OPTIONAL if role in self.sha256))

    def digests(self, roles: Iterable[str]) -> dict[str, str]:
        """The sha256 of the files of some stages; CheckpointError where one does not belong to the set."""
        return {role: self._digest(role) for role in roles}

    def verify(self, role: str) -> None:
        """CheckpointError unless the file of a stage is there and is the one of the manifest."""
        path, digest = self.path(role), self._digest(role)
        if sha256_of(path) != digest:
            raise CheckpointError(f"{path}: its sha256 differs from the manifest; it is damaged or was replaced")

    def _digest(self, role: str) -> str:
        path = self.path(role)
        if role not in self.sha256 or not path.is_file():
            raise CheckpointError(f"{path}: missing; train it with `drivesim train {role}`")
        return self.sha256[role]


def write_manifest(folder: Path, preset: Preset) -> CheckpointSet:
    """Records the preset and the sha256 of every checkpoint in `folder`."""
    sha256 = {role: sha256_of(path) for role in STAGES if (path := folder / f"{role}.safetensors").is_file()}
    content = json.dumps({"format": 1, "preset": asdict(preset), "sha256": sha256}, indent=1)
    temporary = folder / f"{_MANIFEST}.partial"
    temporary.write_text(content + "\n")
    os.replace(temporary, folder / _MANIFEST)
    return CheckpointSet.open(folder)
