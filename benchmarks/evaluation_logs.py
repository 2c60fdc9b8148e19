"""The drive logs of a benchmark that trains: which ones training leaves out, and which ones are measured.

Benchmarks import it; it has no command of its own. By default one log in twenty is held out, by its name. A folder with
few logs may have none of these; its last recording is held out then. `--evaluate-on FOLDER` measures on all logs of
another folder, so that a small recording leaves enough videos for a distance.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from drivesim.data.drive_log import list_drive_logs, recording_of, split_of
from drivesim.errors import InputError
from drivesim.evaluation.futures import spread_starts
from drivesim.evaluation.video.sources.videos import halves
from drivesim.training.loop.device import use_device, use_threads

Moments = list[tuple[Path, float]]
"""Moments (log, seconds) of drive logs."""


EVALUATE_ON = "Drive logs to measure on, all of them; by default those of the logs that are held out."


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that `evaluated_moments` reads, besides `logs`."""
    parser.add_argument("--evaluate-on", type=Path, metavar="FOLDER", help=EVALUATE_ON)
    parser.add_argument("--starts", type=int, default=64, help="Recorded videos; half of them are the reference.")


def read_arguments(parser: argparse.ArgumentParser, given: Sequence[str] | None) -> argparse.Namespace:
    """Adds what all these benchmarks take, reads the arguments, and sets threads and device."""
    add_evaluation_arguments(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args(given)
    use_threads(options.threads)
    use_device(options.device)
    return options


def held_out_of(logs: Path) -> frozenset[str]:
    """Returns the recordings that training leaves out beside those whose names say so: the last one if none does."""
    names = [path.name for path in list_drive_logs(logs)]
    if not names or any(split_of(name) == "held_out" for name in names):
        return frozenset()
    return frozenset({recording_of(names[-1])})


def evaluated_moments(options: argparse.Namespace, seconds: float) -> tuple[Moments, Moments]:
    """Returns the moments that models continue and those of the reference, of different logs, each `seconds` long.

    Raises:
        FootageError: There are not two logs that are long enough.
        InputError: The logs to measure on are also trained on.
    """
    trained, measured = options.logs.resolve(), options.evaluate_on
    if measured is None:
        moments = spread_starts(options.logs, "held_out", options.starts, seconds, held_out_of(options.logs))
        return halves(moments, options.logs)
    other = measured.resolve()
    if other == trained or trained in other.parents or other in trained.parents:
        raise InputError(f"--evaluate-on {measured}: holds footage that is trained on; name a folder beside {trained}")
    return halves(spread_starts(measured, "all", options.starts, seconds), measured)
