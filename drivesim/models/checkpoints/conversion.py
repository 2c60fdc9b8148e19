"""A checkpoint set stored in another form: the same stages with int8 weights."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from drivesim.errors import InputError
from drivesim.models.checkpoints.files import save_checkpoint
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.checkpoints.publishing import write_manifest
from drivesim.models.checkpoints.tensor_file import sha256_of
from drivesim.models.stages import BASE_OF, LAYOUTS, current_name


def with_int8(source: CheckpointSet, out: Path, roles: Collection[str] | None = None) -> CheckpointSet:
    """Writes a set to the new folder `out`, with int8 weights in the stages `roles`, all of them if None.

    Stages that stand on a converted one are written again, as they name it; the rest is copied byte for byte.

    Raises InputError where `out` holds anything or a role is none of the set's, CheckpointError where the source is
    damaged.
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
        path, base = out / f"{role}.safetensors", BASE_OF.get(role)
        if role in roles or base in roles:
            digest = None if base is None else sha256_of(out / f"{base}.safetensors")
            save_checkpoint(path, source.load(role), role, digest, "int8" if role in roles else "fp16")
        else:
            shutil.copyfile(source.path(role), path)
    return write_manifest(out, source.preset)
