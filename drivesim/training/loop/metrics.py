"""The log of a training in `metrics.csv` and for TensorBoard: means every 20 steps and at every evaluation."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from drivesim import durable
from drivesim.training.loop.budget import Progress
from drivesim.training.loop.distributed import rank

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_EVERY = 20
_COLUMNS = ("step", "elapsed_s", "figure", "value")
Row = tuple[str, str, str, str]


class MetricsLog:
    """The log of a training, which process 0 writes.

    Attributes:
        path: The file `metrics.csv`.
    """

    def __init__(self, path: Path, progress: Progress, resumed: dict[str, str]) -> None:
        """Continues a log.

        Args:
            path: The file.
            progress: Where the training continues. What an interrupted run wrote from that step on is dropped, so that
                no step is logged twice.
            resumed: The figures of that very step, if its state was saved.
        """
        self.path = path
        self._sums: dict[str, list[float]] = {}
        self._board: SummaryWriter | None = None
        if rank() == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [row for row in _read(path) if int(row[0]) < progress.step]
            durable.write_changed_file(path, _as_csv([_COLUMNS, *rows, *_rows(progress, resumed)]))
            self._board = _tensorboard(path.parent, progress.step)

    def take(self, figures: dict[str, float]) -> None:
        """Adds the figures of one step to the means."""
        for name, value in figures.items():
            self._sums.setdefault(name, []).append(value)

    def means(self) -> dict[str, str]:
        """Returns the means of the figures since the last call, as they are written."""
        means = {name: as_text(math.fsum(values) / len(values)) for name, values in self._sums.items()}
        self._sums.clear()
        return means

    def add_step(self, progress: Progress, figures: dict[str, float]) -> None:
        """Adds the figures of one step to the means, and writes the means every 20 steps."""
        self.take(figures)
        if progress.step % _EVERY == 0:
            self.write(progress, self.means())

    def write(self, progress: Progress, figures: dict[str, str]) -> None:
        """Writes the figures of one step. Raises OSError if they cannot be written."""
        if rank() > 0 or not figures:
            return
        with open(self.path, "ab") as file:
            file.write(_as_csv(_rows(progress, figures)))
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(name, float(value), progress.step)

    def close(self) -> None:
        """Ends the TensorBoard log."""
        if self._board is not None:
            self._board.close()


def as_text(value: float) -> str:
    """Returns a figure as it is written, to six digits."""
    return f"{value:.6g}"


def _rows(progress: Progress, figures: dict[str, str]) -> list[Row]:
    return [(str(progress.step), f"{progress.elapsed_s:.1f}", name, value) for name, value in figures.items()]


def _read(path: Path) -> list[Row]:
    """The complete rows of a file, if it exists; a kill may have left half a row at its end."""
    if not path.is_file():
        return []
    lines = path.read_bytes().decode(errors="replace").split("\n")[1:-1]
    rows = [row for row in csv.reader(lines) if len(row) == len(_COLUMNS) and row[0].isdecimal()]
    return [(step, elapsed_s, figure, value) for step, elapsed_s, figure, value in rows]


def _as_csv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _tensorboard(folder: Path, first_step: int) -> SummaryWriter | None:
    """A TensorBoard log in `folder`; None if TensorBoard is not installed (extra `train`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step or None)
