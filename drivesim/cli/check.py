"""`drivesim check ARCHIVE`: is every byte what was committed? One line a damage, exit code 3 where there is any.

drivesim check out/cut_in_night.zarr --read-data
drivesim check on_cuda/cut_in_night.zarr --against on_cpu/cut_in_night.zarr
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivesim.errors import ArchiveError, DrivesimError


def check(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/cut_in_night.zarr.")],
    read_data: Annotated[bool, typer.Option("--read-data", help="Read and verify every committed byte too.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            help="The same rollout made on another device: is each window within the tolerance? Exit code 1 if not.",
            show_default=False,
        ),
    ] = None,
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
    if against is not None:
        _compare(archive, against)


def _compare(archive: Path, against: Path) -> None:
    from drivesim.archive.comparison import MAX_LATENT_ERROR, MIN_PSNR_DB, compare_archives

    outside = 0
    for difference in compare_archives(archive, against):
        frames = "" if difference.psnr_db is None else f", frames {difference.psnr_db:.1f} dB"
        verdict = "" if difference.within_tolerance else "  OUTSIDE"
        where = f"future {difference.future} window {difference.window}"
        typer.echo(f"{where}: latents differ by {difference.latent_error:.1e}{frames}{verdict}")
        outside += not difference.within_tolerance
    tolerance = f"latents {MAX_LATENT_ERROR:g}, frames {MIN_PSNR_DB:g} dB"
    if outside:
        raise DrivesimError(
            f"{archive}: {outside} windows differ from {against} by more than the tolerance ({tolerance})"
        )
    typer.echo(f"{archive}: within the tolerance of {against} ({tolerance})")
