"""`drivesim doctor`: what works on this machine, what is missing, and what to install."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption


def doctor(
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of trained models.", show_default="the default that ships")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what works on this machine and what to install.

    The exit code is 1 if the main job, a rollout, cannot run.
    """
    from drivesim.assets import default_checkpoints
    from drivesim.cli.machine import examine

    findings = list(examine(checkpoints or default_checkpoints()))
    if as_json:
        print_json([asdict(finding) for finding in findings], indent=2)
    else:
        for finding in findings:
            say(f"{finding.state:<9} {finding.subject:<12} {finding.detail}")
            if finding.remedy:
                say(f"{'':<9} {'':<12} -> {finding.remedy}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)
