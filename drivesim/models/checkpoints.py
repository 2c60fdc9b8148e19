"""Checkpoints: safetensors alone, fp16 or int8 on disk, configuration and role in the metadata, sha256 in a manifest.

A file of a temporal stage holds its temporal parameters only and names the sha256 of the image checkpoint that it
stands on. That one partial load demands that the missing keys are exactly the temporal ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from drivesim import durable
from drivesim.errors import CheckpointError
from drivesim.models.autoencoder import Autoencoder, AutoencoderConfig
from drivesim.models.int8_weights import int8_weights
from drivesim.models.layout_prior import LayoutPrior, LayoutPriorConfig
from drivesim.models.presets import Preset
from drivesim.models.tensor_file import read_tensors, tensor_file
from drivesim.models.unet import UNet, UNetConfig, is_temporal
from drivesim.models.upsampler import Upsampler, UpsamplerConfig
from drivesim.models.vehicle_detector import ReaderConfig, VehicleReader

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
_NEXT_MANIFEST = "manifest.json.next"
_PARTIAL = ".partial"


def build(role: str, preset: Preset) -> nn.Module:
    """An untrained network of a stage."""
    config = preset.config_of(role)
    return _NETWORKS[type(config)](config)


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_checkpoint(
    path: Path, module: nn.Module, role: str, base_sha256: str | None = None, weights: str = "fp16"
) -> None:
    """Writes the weights of a stage, whole or not at all; of a temporal stage its temporal parameters alone.

    weights: `fp16`, or `int8` for a scale per output channel in large matrices and convolutions, and fp16 elsewhere.

    The same weights give the same bytes, in every process. Raises CheckpointError where a value is not finite: what
    is written can be loaded. Raises OSError where the disk is full.
    """
    durable.write_file(path, *_content(path, module, role, base_sha256, weights), suffix=_PARTIAL)
    durable.sync_folder(path.parent)


def _content(
    path: Path, module: nn.Module, role: str, base_sha256: str | None, weights: str = "fp16"
) -> tuple[bytes, memoryview]:
    if (role in BASE_OF) != (base_sha256 is not None):
        raise ValueError(f"a checkpoint of stage {role} {'needs' if role in BASE_OF else 'has no'} base")
    exact = {
        name: tensor.detach().cpu()
        for name, tensor in module.state_dict().items()
        if role not in BASE_OF or is_temporal(name)
    }
    tensors = {name: tensor.half() for name, tensor in exact.items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: not written, tensor {name} holds values that are not finite in fp16")
    metadata = {"format": "1", "role": role, "config": json.dumps(asdict(module.config))}
    if base_sha256 is not None:
        metadata["base_sha256"] = base_sha256
    if weights == "int8":
        metadata["weights"] = weights
        tensors |= int8_weights({name: exact[name] for name, _ in module.named_parameters() if name in exact})
    elif weights != "fp16":
        raise ValueError(f"weights are stored as fp16 or int8, not {weights!r}")
    return tensor_file(tensors, metadata)


def load_checkpoint(path: Path, role: str, base: Path | None = None) -> nn.Module:
    """The network of a stage in float32, in evaluation mode.

    Raises CheckpointError where the file is missing, no safetensors file, of another stage, made for another base,
    or where names, shapes or values of its tensors do not fit.
    """
    tensors, metadata = read_tensors(path)
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
    tensors, metadata = read_tensors(path)
    if metadata.get("role") != role:
        raise CheckpointError(f"{path}: expected a checkpoint of stage {role}, got {metadata.get('role')!r}")
    return {name: tensor.float() for name, tensor in tensors.items()}


def config_of(path: Path) -> dict[str, object]:
    """The configuration of a stage's network as its checkpoint holds it; CheckpointError."""
    try:
        return TypeAdapter(dict[str, object]).validate_json(read_tensors(path)[1].get("config", "{}"))
    except ValidationError as error:
        raise CheckpointError(f"{path}: its configuration is not readable: {error.errors()[0]['msg']}") from None


def latent_channels_of(path: Path) -> int | None:
    """Latent channels that a stage's checkpoint was made for; None for stages without latents. CheckpointError."""
    config = config_of(path)
    try:
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
    tensors, _ = read_tensors(base)
    _check_names(base, spatial, set(tensors))
    return tensors


def _check_names(path: Path, expected: set[str], found: set[str]) -> None:
    if expected != found:
        missing, extra = sorted(expected - found)[:3], sorted(found - expected)[:3]
        raise CheckpointError(f"{path}: tensors do not fit the network: missing {missing}, unexpected {extra}")


@dataclass(frozen=True)
class CheckpointSet:
    """A folder with one checkpoint per stage and `manifest.json` (preset and sha256 of each file)."""

    folder: Path
    preset: Preset
    sha256: dict[str, str]

    @classmethod
    def open(cls, folder: Path | str) -> CheckpointSet:
        """Reads the manifest; CheckpointError where there is none or it is damaged."""
        folder = Path(folder)
        coming = cls._coming(folder)
        if coming is not None:
            return coming
        try:
            return cls._read(folder, _MANIFEST)
        except OSError:
            raise CheckpointError(f"{folder}: no checkpoints here (expected {_MANIFEST})") from None

    @classmethod
    def _read(cls, folder: Path, name: str) -> CheckpointSet:
        manifest = folder / name
        try:
            content = json.loads(manifest.read_bytes())
            preset = TypeAdapter(Preset).validate_python(content["preset"])
            return cls(folder, preset, dict(content["sha256"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{manifest}: damaged manifest: {' '.join(str(error).split())[:200]}") from None

    @classmethod
    def _coming(cls, folder: Path) -> CheckpointSet | None:
        """The set of a publication that was ended after its checkpoint took its place and before its manifest did."""
        try:
            coming = cls._read(folder, _NEXT_MANIFEST)
        except (OSError, CheckpointError):
            return None
        try:
            known = cls._read(folder, _MANIFEST).sha256
        except (OSError, CheckpointError):
            known = {}
        changed = [role for role, digest in coming.sha256.items() if known.get(role) != digest]
        arrived = all(_holds(coming.path(role), coming.sha256[role]) for role in changed)
        return coming if changed and arrived else None

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


def _holds(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_of(path) == digest


def publish_checkpoint(folder: Path, preset: Preset, role: str, module: nn.Module) -> CheckpointSet:
    """Puts the weights of a stage and the manifest that names them into `folder`.

    A kill at any instant leaves the set as it was before or the new one, and both open: the manifest to come is
    written first, and `CheckpointSet.open` goes by it as soon as the checkpoint has taken its place. Publishing what
    is there already writes nothing. Processes that publish other stages of the folder wait for each other.

    What the manifest says of other stages stays: a file of theirs that is damaged is not made good by it.

    Raises CheckpointError where a value is not finite, or where the folder does not hold the base that a temporal
    stage was trained on. Raises OSError where the disk is full.
    """
    path = folder / f"{role}.safetensors"
    with _publishing(folder):
        base = _digest_of_base(folder / f"{BASE_OF[role]}.safetensors", path, module) if role in BASE_OF else None
        content = _content(path, module, role, base)
        digest = hashlib.sha256(content[0])
        digest.update(content[1])
        manifest = _manifest_bytes(preset, {**_digests_of_others(folder, role), role: digest.hexdigest()})
        if not _holds(path, digest.hexdigest()):
            durable.write_file(folder / _NEXT_MANIFEST, manifest, suffix=_PARTIAL)
            durable.sync_folder(folder)
            durable.write_file(path, *content, suffix=_PARTIAL)
            durable.sync_folder(folder)
        _replace_manifest(folder, manifest)
    return CheckpointSet.open(folder)


def write_manifest(folder: Path, preset: Preset) -> CheckpointSet:
    """Records the preset and the sha256 of every checkpoint in `folder`; writes nothing where they are recorded."""
    with _publishing(folder):
        _replace_manifest(folder, _manifest_bytes(preset, _digests_of_files(folder)))
    return CheckpointSet.open(folder)


def _replace_manifest(folder: Path, content: bytes) -> None:
    path = folder / _MANIFEST
    if not path.is_file() or path.read_bytes() != content:
        durable.write_file(path, content, suffix=_PARTIAL)
    (folder / _NEXT_MANIFEST).unlink(missing_ok=True)
    durable.sync_folder(folder)


def verify_published(folder: Path, roles: Iterable[str]) -> None:
    """CheckpointError where the file of one of these stages is not the one that the folder's manifest names.

    A file that no manifest names, or that is not there, is left to those who read it.
    """
    known = _published(folder)
    for role in roles:
        path = folder / f"{role}.safetensors"
        if role in known and path.is_file() and not _holds(path, known[role]):
            raise CheckpointError(
                f"{path}: its sha256 differs from the manifest; it is damaged or was replaced. Copy it here again, "
                f"train stage {role} again, or remove {folder / _MANIFEST} to take the files as they are"
            )


def _published(folder: Path) -> dict[str, str]:
    """The sha256 that the manifest gives each stage; nothing where it is missing or damaged."""
    try:
        return CheckpointSet.open(folder).sha256
    except CheckpointError:
        return {}


def _digests_of_others(folder: Path, role: str) -> dict[str, str]:
    """The sha256 of all stages in the folder but one: as the manifest says, or of files that it does not name."""
    known = _published(folder)
    others = {other: folder / f"{other}.safetensors" for other in STAGES if other != role}
    return {other: known.get(other) or sha256_of(path) for other, path in others.items() if path.is_file()}


def _digests_of_files(folder: Path) -> dict[str, str]:
    return {role: sha256_of(path) for role in STAGES if (path := folder / f"{role}.safetensors").is_file()}


def _manifest_bytes(preset: Preset, sha256: dict[str, str]) -> bytes:
    ordered = {role: sha256[role] for role in STAGES if role in sha256}
    return json.dumps({"format": 1, "preset": asdict(preset), "sha256": ordered}, indent=1).encode() + b"\n"


def _digest_of_base(base: Path, path: Path, module: nn.Module) -> str:
    """The sha256 of a base checkpoint whose tensors are those that the module holds."""
    digest, (tensors, _) = sha256_of(base) if base.is_file() else "", read_tensors(base)
    spatial = {name: tensor for name, tensor in module.state_dict().items() if not is_temporal(name)}
    same = tensors.keys() == spatial.keys() and all(
        torch.equal(tensor.float(), spatial[name].float().cpu()) for name, tensor in tensors.items()
    )
    if not same:
        raise CheckpointError(f"{path}: not written, it was trained on another checkpoint than {base}; train it again")
    return digest


@contextlib.contextmanager
def _publishing(folder: Path) -> Iterator[None]:
    """One process at a time changes the manifest of a folder, which is made if need be.

    The lock ends with the process however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{_MANIFEST}.lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
