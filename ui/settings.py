"""The settings of `drivesim ui`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UiSettings:
    """Folders, models and address of one server.

    Attributes:
        out: Folder of all rollouts, which the page also browses.
        library: Folder of the scenarios that can be loaded.
        checkpoints: Folder of the trained models.
        device: `auto`, `cpu` or `cuda`.
        workers: Number of processes per rollout; None for one per core, or one on a GPU.
        threads: CPU threads per worker; the bits depend on this number.
        host: Address to listen on.
        port: Port to listen on; 0 takes any free one.
        checkpoints_given: The folder of models as it was typed, for command lines; None for the models that ship with
            drivesim.
        auth_file: Users and passwords, one `name:password` per line; None for no login.
    """

    out: Path
    library: Path
    checkpoints: Path
    device: str = "auto"
    workers: int | None = None
    threads: int = 1
    host: str = "127.0.0.1"
    port: int = 7860
    checkpoints_given: str | None = None
    auth_file: Path | None = None
