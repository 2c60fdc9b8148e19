"""Publishing: a new checkpoint takes its place in a set, and a kill at any instant leaves a set that opens."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import nn

from drivesim import durable
from drivesim.errors import CheckpointError
from drivesim.locks import OwnedLock
from drivesim.models.checkpoints.files import PARTIAL_SUFFIX, base_sha256_of, checkpoint_content
from drivesim.models.checkpoints.manifest import MANIFEST, NEXT_MANIFEST, CheckpointSet, is_file_with, manifest_bytes
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.presets import Preset
from drivesim.models.stages import BASE_OF, STAGES, checkpoint_file, former_checkpoint_file
from drivesim.regular_files import sha256_of


def publish_checkpoint(
    folder: Path, preset: Preset, role: str, model: nn.Module | LayoutPrior, teacher_sha256: str | None = None
) -> CheckpointSet:
    """Puts the checkpoint of a stage and the manifest that names it into a folder.

    A kill at any instant leaves the set as it was or the new one, and both open: the next manifest is written first,
    and `CheckpointSet.open` goes by it as soon as the checkpoint has taken its place. If the checkpoint is there
    already, nothing is written. Processes that publish other stages in the folder wait for each other.

    What the manifest says about other stages stays, so that a damaged file of theirs does not become valid.

    Args:
        folder: The folder of the set, which is made if it is missing.
        preset: The sizes of all stages.
        role: The stage.
        model: The network of the stage, or the layout prior.
        teacher_sha256: sha256 of the checkpoint whose student this is; None for the other stages.

    Raises:
        CheckpointError: A value is not finite, or the folder does not hold the base that a video stage was trained on.
        OSError: A file cannot be written, for instance because the disk is full.
    """
    path = folder / f"{role}.safetensors"
    with _one_publication(folder):
        base = BASE_OF.get(role)
        base_sha256 = None
        if base is not None and isinstance(model, nn.Module):
            base_sha256 = base_sha256_of(checkpoint_file(folder, base), path, model)
        content = checkpoint_content(path, model, role, base_sha256, teacher_sha256=teacher_sha256)
        digest = hashlib.sha256(content[0])
        digest.update(content[1])
        manifest = manifest_bytes(preset, {**_digests_of_others(folder, role), role: digest.hexdigest()})
        if not is_file_with(path, digest.hexdigest()):
            durable.write_file(folder / NEXT_MANIFEST, manifest, suffix=PARTIAL_SUFFIX)
            durable.sync_folder(folder)
            durable.write_file(path, *content, suffix=PARTIAL_SUFFIX)
            durable.sync_folder(folder)
        _replace_manifest(folder, manifest)
        former = former_checkpoint_file(folder, role)
        if former is not None:
            former.unlink(missing_ok=True)
    return CheckpointSet.open(folder)


def write_manifest(folder: Path, preset: Preset) -> CheckpointSet:
    """Records the preset and the sha256 of every checkpoint in a folder, unless they are recorded already."""
    with _one_publication(folder):
        files = {role: checkpoint_file(folder, role) for role in STAGES}
        digests = {role: sha256_of(path) for role, path in files.items() if path.is_file()}
        _replace_manifest(folder, manifest_bytes(preset, digests))
    return CheckpointSet.open(folder)


def verify_published(folder: Path, roles: Iterable[str]) -> None:
    """Compares the files of some stages with the manifest of their folder.

    A file that no manifest names, or that is missing, is left to those who read it.

    Raises:
        CheckpointError: A file is not the one that the manifest names.
    """
    known = _published(folder)
    for role in roles:
        path = checkpoint_file(folder, role)
        if role in known and path.is_file() and not is_file_with(path, known[role]):
            raise CheckpointError(
                f"{path}: its sha256 differs from the manifest; it is damaged or was replaced. Copy it here again, "
                f"train stage {role} again, or remove {folder / MANIFEST} to take the files as they are"
            )


def _replace_manifest(folder: Path, content: bytes) -> None:
    path = folder / MANIFEST
    if not path.is_file() or path.read_bytes() != content:
        durable.write_file(path, content, suffix=PARTIAL_SUFFIX)
    (folder / NEXT_MANIFEST).unlink(missing_ok=True)
    durable.sync_folder(folder)


def _published(folder: Path) -> dict[str, str]:
    """The sha256 that the manifest gives each stage; nothing where it is missing or damaged."""
    try:
        return CheckpointSet.open(folder).sha256
    except CheckpointError:
        return {}


def _digests_of_others(folder: Path, role: str) -> dict[str, str]:
    """The sha256 of all stages in the folder but one: as the manifest says, or of files that it does not name."""
    known = _published(folder)
    others = {other: checkpoint_file(folder, other) for other in STAGES if other != role}
    return {other: known.get(other) or sha256_of(path) for other, path in others.items() if path.is_file()}


@contextlib.contextmanager
def _one_publication(folder: Path) -> Iterator[None]:
    """One process at a time changes the manifest of a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with OwnedLock.wait_for(folder / f"{MANIFEST}.lock", lambda owner: None, folder / MANIFEST):
        yield
