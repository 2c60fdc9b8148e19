"""How the command line shows figures: progress bars, tables, and reports on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from drivesim.cli.lines import console, description, print_json, say
from drivesim.escapes import escaped
from drivesim.memory import shortage_explained

if TYPE_CHECKING:
    from rich.table import Table

    from drivesim.evaluation.compare import Comparison
    from drivesim.evaluation.protocol import Figure, Report


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function that shows a bar on stderr for each kind of work, if stderr is a terminal.

    Raises:
        OutOfMemoryError: What is measured needs more memory than there is.
    """
    from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (description(), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    tasks = {}
    with (
        shortage_explained("use a smaller --batch-size, or fewer --samples"),
        Progress(*columns, console=console(), disable=not sys.stderr.isatty()) as bars,
    ):

        def show(text: str, done: int, total: int) -> None:
            if text not in tasks:
                tasks[text] = bars.add_task(text, total=total)
            bars.update(tasks[text], completed=done, total=total)

        yield show


def deliver(
    report: Report, out: Path | None, as_json: bool, table: Callable[[tuple[Figure, ...]], Table] | None = None
) -> None:
    """Writes a report if a path is given, and prints it as a table or as JSON.

    Args:
        report: the report.
        out: file to write.
        as_json: whether JSON is printed instead of a table.
        table: makes the table of the figures; by default it has one row per figure.
    """
    if out is not None:
        report.write(out)
    if as_json:
        typer.echo(report.as_json())
        return
    _print((table or _figure_table)(report.figures))
    if report.figures:
        protocol = report.figures[0].protocol
        size = f"{protocol.height}x{protocol.width}, {protocol.resize}"
        say(f"protocol: {protocol.num_samples} samples of {size}; network {protocol.network or 'none'}")
        say(f"  {protocol.settings}; seeds: {protocol.seeds}; reference {protocol.reference[:16]}")
    if out is not None:
        say(str(out))


def deliver_comparison(pairs: list[Comparison], names: tuple[str, str], as_json: bool) -> None:
    """Prints the figures of two reports side by side."""
    if as_json:
        rows = [
            {"name": pair.first.name, "group": pair.first.group, "first": pair.first.value}
            | {"second": pair.second.value, "change": pair.change, "apart": pair.apart}
            for pair in pairs
        ]
        print_json(rows, indent=1)
        return
    from rich.table import Table

    table = Table("figure", "of", *map(escaped, names), "change", "intervals")
    for pair in pairs:
        change = "–" if pair.change is None else f"{pair.change:+.4g}"
        values = [f"{_value(figure)} ({_interval(figure)})" for figure in (pair.first, pair.second)]
        table.add_row(
            escaped(pair.first.name), escaped(pair.first.group), *values, change, "apart" if pair.apart else "overlap"
        )
    _print(table)


def detection_table(figures: tuple[Figure, ...]) -> Table:
    """Returns a table with a row for each kind of frames and each part, and three columns for each detector.

    The columns are the fraction found, the same relative to recorded frames, and false detections per frame.
    """
    from rich.table import Table

    rows: dict[tuple[str, str], dict[tuple[str, str], Figure]] = {}
    for figure in figures:
        detector, _, row = figure.group.partition(": ")
        kind, _, part = row.partition(", ")
        rows.setdefault((kind, part), {})[detector, figure.name] = figure
    detectors = list(dict.fromkeys(detector for row in rows.values() for detector, _ in row))
    table = Table("frames", "vehicles", "n")
    for detector in detectors:
        table.add_column(f"{escaped(detector)}: found")
        table.add_column("to render", justify="right")
        table.add_column("false per frame", justify="right")
    for names, measured in rows.items():
        cells = [str(next(figure.count for (_, name), figure in measured.items() if name == "found"))]
        for detector in detectors:
            found = measured[detector, "found"]
            cells.append("–" if found.value is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")
            for name in ("found_to_render", "false_per_frame"):
                other = measured.get((detector, name))
                cells.append("" if other is None or other.value is None else f"{other.value:.3f}")
        table.add_row(*names, *cells)
    return table


def _figure_table(figures: tuple[Figure, ...]) -> Table:
    from rich.table import Table

    table = Table("figure", "of", "value", "95 % interval", "n")
    for figure in figures:
        if figure.value is not None:
            table.add_row(figure.name, figure.group, _value(figure), _interval(figure), str(figure.count))
    return table


def _print(table: Table) -> None:

    console(err=False, width=None if sys.stdout.isatty() else 160).print(table)


def _value(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:.4g}"


def _interval(figure: Figure) -> str:
    return "–" if figure.low is None else f"{figure.low:.4g} to {figure.high:.4g}"
