"""`drivesim inspect ARCHIVE`: what an archive holds, how far it got, and what it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivesim.cli.check import require_archive
from drivesim.cli.lines import print_json, say
from drivesim.cli.options import JsonOption

if TYPE_CHECKING:
    from drivesim.archive import Archive


def inspect(
    archive: Annotated[Path, typer.Argument(help="Archive, such as out/cut_in_day.zarr.")],
    as_json: JsonOption = False,
) -> None:
    """Show what an archive holds, how far it is and what it was made from.

    The exit code is 3 if the archive is damaged.
    """
    from drivesim.archive import open_archive

    require_archive(archive)
    opened = open_archive(archive)
    facts = describe(opened)
    if as_json:
        print_json(facts, indent=2)
    for line in () if as_json else as_lines(facts):
        say(line)
    opened.require_sound()


def describe(archive: Archive) -> dict[str, Any]:
    """Returns the facts of an archive as JSON."""
    layout = archive.layout
    height, width, _ = layout.frame_shape
    return {
        "archive": str(archive.path),
        "format": archive.manifest.format,
        "identity": archive.manifest.identity,
        "complete": archive.complete,
        "width": width,
        "height": height,
        "fps": layout.fps,
        "keyframe_fps": layout.keyframe_fps,
        "num_frames": layout.num_frames,
        "num_windows": layout.num_windows,
        "duration_s": layout.num_frames / layout.fps,
        "bytes": sum(file.lstat().st_size for file in archive.path.rglob("*") if file.is_file()),
        "futures": [
            {
                "future": rollout.future,
                "complete": rollout.complete,
                "committed_windows": rollout.num_committed_windows,
                "committed_frames": rollout.num_committed_frames,
                "labels": list(rollout.labels),
            }
            for rollout in archive.rollouts
        ],
        "inputs": archive.manifest.inputs,
        "provenance": archive.provenance,
    }


def as_lines(facts: dict[str, Any]) -> list[str]:
    """Returns the same facts as lines for people."""
    state = "complete" if facts["complete"] else "interrupted: the same rollout command continues it"
    lines = [
        f"{facts['archive']}: {state}",
        f"  format       {facts['format']}, identity {facts['identity'][:16]}, {facts['bytes'] / 1e6:.1f} MB",
        f"  video        {facts['width']}x{facts['height']}, {facts['fps']:g} frames/s, {facts['duration_s']:g} s",
    ]
    for future in facts["futures"]:
        lines.append(
            f"  future {future['future']:<5} {future['committed_frames']} of {facts['num_frames']} frames, "
            f"{future['committed_windows']} of {facts['num_windows']} windows"
        )
    lines += _gate(facts["futures"])
    for section in ("inputs", "provenance"):
        lines.append(f"  {section}")
        lines += [f"    {field} = {value}" for field, value in _leaves(facts[section], "")]
    return lines


def _gate(futures: list[dict[str, Any]]) -> list[str]:
    """How the first frame, which all futures share, was chosen; nothing if there was no gate."""
    gates = [future["labels"][0]["gate"] for future in futures if future["labels"] and "gate" in future["labels"][0]]
    if not gates:
        return []
    try:
        attempts, kept = gates[0]["attempts"], int(gates[0]["kept"])
        outcome, unasked = list(attempts[kept]["outcome"]), int(attempts[kept]["unasked"])
        counts = ", ".join(f"{outcome.count(name)} {name}" for name in ("found", "wrong category", "missing"))
        return [f"  gate         kept attempt {kept + 1} of {len(attempts)}: {counts}, {unasked} unasked"]
    except (KeyError, IndexError, TypeError, ValueError):
        return ["  gate         its record is not that of a gate of this drivesim"]


def _leaves(value: object, field: str) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        return [(field, value if isinstance(value, str) else json.dumps(value))]
    return [leaf for key in value for leaf in _leaves(value[key], f"{field}.{key}" if field else key)]
