"""A set of checkpoints: a folder with one file per stage and `manifest.json`, which holds preset and sha256 of each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from torch import nn

from drivesim.archive.sealed_json import parse_json
from drivesim.errors import CheckpointError
from drivesim.models.checkpoints.files import load_checkpoint, load_layout_prior
from drivesim.models.checkpoints.tensor_file import metadata_of
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.presets import Preset
from drivesim.models.stages import (
    BASE_OF,
    LAYOUTS,
    OPTIONAL,
    ROLES,
    STAGES,
    STUDENT_OF,
    checkpoint_file,
    current_name,
    recorded_name,
)
from drivesim.regular_files import read_regular, sha256_of

MANIFEST = "manifest.json"
_MAX_BYTES = 1 << 20
NEXT_MANIFEST = "manifest.json.next"
"""The manifest of a publication that is under way; it holds as soon as its checkpoint has taken its place."""


@dataclass(frozen=True)
class CheckpointSet:
    """A folder with one checkpoint per stage and `manifest.json`.

    Attributes:
        folder: The folder.
        preset: The sizes of all stages.
        sha256: The sha256 of the checkpoint of each stage that the set holds.
    """

    folder: Path
    preset: Preset
    sha256: dict[str, str]

    @classmethod
    def open(cls, folder: Path | str) -> CheckpointSet:
        """Reads the manifest of a folder; no checkpoint is read.

        Raises:
            CheckpointError: There is no manifest, or it is damaged.
        """
        folder = Path(folder)
        coming = cls._coming(folder)
        if coming is not None:
            return coming
        try:
            return cls._read(folder, MANIFEST)
        except (FileNotFoundError, NotADirectoryError):
            raise CheckpointError(f"{folder}: no checkpoints here (expected {MANIFEST})") from None
        except OSError as error:
            raise CheckpointError(f"{folder / MANIFEST}: cannot be read ({error.strerror})") from None

    @classmethod
    def _read(cls, folder: Path, name: str) -> CheckpointSet:
        manifest = folder / name
        try:
            content: Any = parse_json(read_regular(manifest, _MAX_BYTES))
            preset = TypeAdapter(Preset).validate_python(_with_current_names(content["preset"]))
            return cls(folder, preset, _with_current_names(content["sha256"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{manifest}: damaged manifest: {' '.join(str(error).split())[:200]}") from None

    @classmethod
    def _coming(cls, folder: Path) -> CheckpointSet | None:
        """The set of a publication that was ended after its checkpoint took its place and before its manifest did."""
        try:
            coming = cls._read(folder, NEXT_MANIFEST)
        except (OSError, CheckpointError):
            return None
        try:
            known = cls._read(folder, MANIFEST).sha256
        except (OSError, CheckpointError):
            known = {}
        changed = [role for role, digest in coming.sha256.items() if known.get(role) != digest]
        arrived = all(is_file_with(coming.path(role), coming.sha256[role]) for role in changed)
        return coming if changed and arrived else None

    def path(self, role: str) -> Path:
        """Returns where the checkpoint of a stage lies."""
        return checkpoint_file(self.folder, role)

    def load(self, role: str) -> nn.Module:
        """Loads the network of a stage, after comparing every file that it is read from with the manifest.

        Raises:
            CheckpointError: A file is missing, damaged, or not the one that the manifest names.
        """
        base = BASE_OF.get(role)
        for needed in (role, base):
            if needed is not None:
                self.verify(needed)
        return load_checkpoint(self.path(role), role, None if base is None else self.path(base))

    def load_layouts(self) -> LayoutPrior:
        """Loads the layouts of stage `layouts`, after comparing their file with the manifest.

        Raises:
            CheckpointError: The file is missing, damaged, or not the one that the manifest names.
        """
        self.verify(LAYOUTS)
        return load_layout_prior(self.path(LAYOUTS))

    def verify_all(self) -> None:
        """Compares all files of the set with the manifest.

        Raises:
            CheckpointError: A file that a set must have is missing, or a file is not the one that the manifest names.
        """
        for role in self.roles:
            self.verify(role)

    @property
    def roles(self) -> tuple[str, ...]:
        """All stages that every set has, and those of the optional ones that belong to this one."""
        return (*ROLES, *(role for role in OPTIONAL if role in self.sha256))

    def student_of(self, role: str) -> str | None:
        """Returns the student of a stage, if the set holds one that was trained with its checkpoint of that stage.

        Raises:
            CheckpointError: The file of the student is missing or damaged.
        """
        student = STUDENT_OF.get(role)
        if student is None or student not in self.sha256:
            return None
        return student if metadata_of(self.path(student)).get("teacher_sha256") == self.sha256.get(role) else None

    def digests(self, roles: Iterable[str]) -> dict[str, str]:
        """Returns the sha256 of the files of some stages, under the names by which archives record them.

        Raises:
            CheckpointError: A stage does not belong to the set, or its file is missing.
        """
        return {recorded_name(role): self._digest(role) for role in roles}

    def verify(self, role: str) -> None:
        """Compares the file of a stage with the manifest.

        Raises:
            CheckpointError: The file is missing, or is not the one that the manifest names.
        """
        path, digest = self.path(role), self._digest(role)
        try:
            found = sha256_of(path)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
        if found != digest:
            raise CheckpointError(f"{path}: its sha256 differs from the manifest; it is damaged or was replaced")

    def _digest(self, role: str) -> str:
        path = self.path(role)
        if role not in self.sha256 or not os.path.lexists(path):
            raise CheckpointError(f"{path}: missing; train it with `drivesim train {role}`")
        return self.sha256[role]


def manifest_bytes(preset: Preset, sha256: Mapping[str, str]) -> bytes:
    """Returns the content of a manifest, with the stages in the order of training."""
    ordered = {role: sha256[role] for role in STAGES if role in sha256}
    return json.dumps({"format": 1, "preset": asdict(preset), "sha256": ordered}, indent=1).encode() + b"\n"


def is_file_with(path: Path, digest: str) -> bool:
    """Returns whether a file exists and has this sha256."""
    return path.is_file() and sha256_of(path) == digest


def _with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    return {current_name(name): value for name, value in values.items()}
