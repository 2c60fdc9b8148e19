"""`drivesim ui`: the browser page, where scenes are drawn, composed and watched.

drivesim ui --out out
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import say
from drivesim.cli.options import (
    CheckpointsOption,
    Device,
    DeviceOption,
    ThreadsOption,
    WorkersOption,
)


def ui(
    out: Annotated[Path, typer.Option(help="Folder of the rollouts; existing ones are shown, too.")] = Path("out"),
    host: Annotated[str, typer.Option(help="Address to listen on; all but loopback addresses need --auth-file.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 7860,
    auth_file: Annotated[
        Path | None, typer.Option(help="File with one `name:password` per line, readable by its owner only.")
    ] = None,
    checkpoints: CheckpointsOption = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = 1,
    workers: WorkersOption = None,
) -> None:
    """Open a page in the browser where you draw a scene, compose its first frame and watch its futures.

    The page is at http://127.0.0.1:7860/ and can be reached from this machine only.
    """
    from drivesim.assets import default_checkpoints, scenario_library
    from ui.server import serve
    from ui.settings import UiSettings

    folder = default_checkpoints() if checkpoints is None else checkpoints
    settings = UiSettings(
        out.absolute(),
        scenario_library(),
        folder.absolute(),
        device.value,
        workers,
        threads,
        host,
        port,
        None if checkpoints is None else str(checkpoints),
        auth_file,
    )
    serve(settings, lambda line: say(line, err=True))
