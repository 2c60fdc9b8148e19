"""`drivesim check ARCHIVE`: is every byte what was committed? One line per damage."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from drivesim.cli.lines import console, print_json, say
from drivesim.cli.options import JsonOption
from drivesim.errors import ArchiveError, DrivesimError, InputError
from drivesim.wording import counted


def check(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/cut_in_day.zarr.")],
    read_data: Annotated[bool, typer.Option("--read-data", help="Also read and verify every committed byte.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Archive of the same rollout from another device. The exit code is 1 if a window differs too much.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check an archive and name each damage by array, window and file.

    The exit code is 3 if the archive is damaged.
    """

    from drivesim.archive import check_archive, open_archive

    require_archive(archive)
    with console().status("checking"):
        findings = check_archive(archive, read_data)
    report: dict[str, Any] = {"archive": str(archive), "sound": not findings, "findings": list(map(str, findings))}
    if findings:
        if as_json:
            print_json(report)
        for finding in () if as_json else findings:
            say(finding)
        raise ArchiveError(f"{archive}: damaged, {counted(len(findings), 'finding')}")
    rollouts = open_archive(archive).rollouts
    windows = sum(rollout.num_committed_windows for rollout in rollouts)
    expected = sum(rollout.layout.num_windows for rollout in rollouts)
    report |= {"committed_windows": windows, "expected_windows": expected, "read_data": read_data}
    if not as_json:
        depth = "every committed byte was read" if read_data else "sizes and records only; --read-data reads all"
        say(f"{archive}: sound, {windows} of {counted(expected, 'window')} committed ({depth})")
    outside = None if against is None else _compare(archive, against, report, as_json)
    if as_json:
        print_json(report)
    if outside:
        raise DrivesimError(outside)


def _compare(archive: Path, against: Path, report: dict[str, Any], as_json: bool) -> str | None:
    """Compares two archives window by window; returns what is wrong if a window differs by too much."""
    from drivesim.archive.comparison import MAX_LATENT_ERROR, MIN_PSNR_DB, compare_archives

    windows = report["against"] = []
    try:
        for difference in compare_archives(archive, against):
            windows.append({**asdict(difference), "within_tolerance": difference.within_tolerance})
            if not as_json:
                frames = "" if difference.psnr_db is None else f", frames {difference.psnr_db:.1f} dB"
                verdict = "" if difference.within_tolerance else "  OUTSIDE"
                where = f"future {difference.future} window {difference.window}"
                say(f"{where}: latents differ by {difference.latent_error:.1e}{frames}{verdict}")
    except InputError as error:
        reason, _, advice = str(error).partition(". Give another --out")
        if not advice:
            raise
        raise InputError(f"--against {against}: not the same rollout on another device: {reason}") from None
    tolerance = f"latents {MAX_LATENT_ERROR:g}, frames {MIN_PSNR_DB:g} dB"
    outside = sum(not window["within_tolerance"] for window in windows)
    if outside:
        differ = "1 window differs" if outside == 1 else f"{outside} windows differ"
        return f"{archive}: {differ} from {against} by more than the tolerance ({tolerance})"
    if not as_json:
        say(f"{archive}: within the tolerance of {against} ({tolerance})")
    return None


def require_archive(path: Path) -> None:
    """Raises InputError for a folder that holds nothing of an archive, and names the archives in it."""
    if not path.is_dir() or any((path / name).exists() for name in ("zarr.json", "drivesim.json", "rollouts")):
        return
    inside = sorted(folder.name for folder in path.glob("*.zarr"))
    hint = (
        f"it holds {', '.join(inside[:5])}; name one of them"
        if inside
        else "an archive is a folder such as out/<name>.zarr"
    )
    raise InputError(f"{path}: is not an archive; {hint}")
