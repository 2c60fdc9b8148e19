"""What `drivesim ui` was started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UiSettings:
    """Folders, models and address of one server.

    Attributes:
        out: folder of all rollouts, which the page also browses.
        library: folder of the scenarios that can be loaded.
        checkpoints: folder of the trained models.
        device: `auto`, `cpu` or `cuda`.
        workers: processes of a rollout; None for one per core, or one on a GPU.
        threads: CPU threads of each worker; the bits depend on it.
        host: address to listen on.
        port: port to listen on; 0 takes any free one.
        checkpoints_given: the folder of models as it was typed, for command lines; None for the one that ships.
        auth_file: users and passwords, one `name:password` per line; None for no login.
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
