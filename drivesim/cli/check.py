"""`drivesim check ARCHIVE`: is every byte what was committed? One line a damage, exit code 3 where there is any."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.errors import ArchiveError


def check(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/night_cut_in.zarr.")],
    read_data: Annotated[bool, typer.Option("--read-data", help="Read and verify every committed byte too.")] = False,
) -> None:
    """Check an archive; each damage is named by array, window and file. Exit code 3 where there is any."""
    from rich.console import Console

    from drivesim.archive import check_archive, open_archive

    with Console(stderr=True).status(f"checking {archive}"):
        findings = check_archive(archive, read_data)
    for finding in findings:
        typer.echo(str(finding))
    if findings:
        raise ArchiveError(f"{archive}: damaged, {len(findings)} {'finding' if len(findings) == 1 else 'findings'}")
    rollouts = open_archive(archive).rollouts
    windows = sum(rollout.num_committed_windows for rollout in rollouts)
    expected = sum(rollout.layout.num_windows for rollout in rollouts)
    depth = "every committed byte was read" if read_data else "sizes and records only, --read-data reads all"
    typer.echo(f"{archive}: sound, {windows} of {expected} windows committed ({depth})")
