"""Checkpoints of every stage, tiny and random, for all tests that need a whole chain."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of the tiny preset, no parameter of which is at its trivial initial value."""
    import torch

    from drivesim.models.checkpoints import BASE_OF, ROLES, build, save_checkpoint, sha256_of, write_manifest
    from drivesim.models.presets import tiny

    folder, preset, generator = tmp_path_factory.mktemp("tiny"), tiny(), torch.Generator().manual_seed(0)
    for role in ROLES:
        module = build(role, preset)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
        base = sha256_of(folder / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
        save_checkpoint(folder / f"{role}.safetensors", module, role, base)
    write_manifest(folder, preset)
    return folder
