"""Stores a set of checkpoints with int8 weights."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from drivesim.errors import InputError
from drivesim.models.checkpoints.files import save_checkpoint
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.checkpoints.publishing import write_manifest
from drivesim.models.stages import BASE_OF, LAYOUTS, TEACHER_OF, current_name
from drivesim.regular_files import sha256_of


def with_int8(source: CheckpointSet, out: Path, roles: Collection[str] | None = None) -> CheckpointSet:
    """Writes a set with int8 weights to a new folder.

    Stages that stand on a converted one, and its student, are written again, because they name it; other files are
    copied byte for byte.

    Args:
        source: The set.
        out: The new folder.
        roles: The stages to convert; None for all of them.

    Raises:
        InputError: The folder holds anything, or a stage does not belong to the set.
        CheckpointError: The set is damaged.
    """
    convertible = [role for role in source.roles if role != LAYOUTS]
    roles = convertible if roles is None else [current_name(role) for role in roles]
    unknown = sorted(set(roles) - set(convertible))
    if unknown:
        raise InputError(f"expected stages of {', '.join(convertible)}, got {', '.join(unknown)}")
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty; give a new folder")
    source.verify_all()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        raise InputError(f"{out}: cannot be made ({error.strerror}); give a new folder") from None
    for role in source.roles:
        path, ancestors = out / f"{role}.safetensors", (BASE_OF.get(role), TEACHER_OF.get(role))
        if {role, *ancestors} & set(roles):
            base, teacher = (None if other is None else sha256_of(out / f"{other}.safetensors") for other in ancestors)
            save_checkpoint(path, source.load(role), role, base, "int8" if role in roles else "fp16", teacher)
        else:
            shutil.copyfile(source.path(role), path)
    return write_manifest(out, source.preset)
