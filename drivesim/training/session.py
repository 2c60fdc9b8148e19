"""One stage trained to its end: reports, `metrics.csv`, sample pictures, the exported checkpoint and its manifest."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import torch

from drivesim.models.checkpoints import publish_checkpoint
from drivesim.training.autoencoder import AutoencoderStage
from drivesim.training.distributed import barrier, rank
from drivesim.training.loop import Report, Training
from drivesim.training.reader import ReaderStage
from drivesim.training.stage import TrainingStage
from drivesim.training.stages import StageRequest

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def train_stage(
    request: StageRequest,
    stage: TrainingStage,
    seconds: float,
    max_steps: int | None = None,
    evaluate_every_s: float = 300.0,
) -> Iterator[Report]:
    """Trains until the time or the steps are used up, counted over all runs; yields a report a step.

    Writes under `request.checkpoints`: `training/<stage>/` (state, metrics, pictures) and `<stage>.safetensors`,
    which holds the averaged parameters, whenever a state is saved.
    """
    folder = request.checkpoints / "training" / stage.role
    training = Training(stage, folder, request.device)
    log = MetricsLog(folder / "metrics.csv")
    for report in training.run(seconds, max_steps, evaluate_every_s):
        figures = dict(report.figures)
        if report.saved:
            figures |= _evaluate(request, stage, training, folder)
            report = Report(report.step, report.elapsed_s, figures, True)
        log.add(report)
        yield report
    final = Report(training.step, training.elapsed_s, _evaluate(request, stage, training, folder), True)
    log.add(final)
    yield final


def _evaluate(request: StageRequest, stage: TrainingStage, training: Training, folder: Path) -> dict[str, float]:
    """Figures, pictures and the exported checkpoint, all of the averaged parameters, by process 0."""
    figures: dict[str, float] = {}
    if rank() == 0:
        with training.average.applied():
            if isinstance(stage, AutoencoderStage | ReaderStage):
                stage.finish()
            figures = stage.held_out()
            for name, picture in stage.pictures().items():
                cv2.imwrite(str(folder / f"{name}_{training.step:08d}.png"), picture[..., ::-1])
            export(request, stage)
    barrier()
    return figures


def export(request: StageRequest, stage: TrainingStage) -> None:
    """Writes the stage's checkpoint and the manifest of its folder."""
    publish_checkpoint(request.checkpoints, request.preset, stage.role, stage.network)


class MetricsLog:
    """Means of the figures, every 20 steps and at every evaluation, as CSV and for TensorBoard (process 0 alone)."""

    _EVERY = 20
    _COLUMNS = ("step", "elapsed_s", "figure", "value")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sums: dict[str, list[float]] = {}
        self.board: SummaryWriter | None = None
        if rank() == 0:
            self.board = _tensorboard(path.parent)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                self._write([self._COLUMNS])

    def add(self, report: Report) -> None:
        """Takes a report in."""
        for name, value in report.figures.items():
            self.sums.setdefault(name, []).append(value)
        if rank() == 0 and (report.saved or report.step % self._EVERY == 0):
            means = {name: math.fsum(values) / len(values) for name, values in self.sums.items()}
            self._write((report.step, f"{report.elapsed_s:.1f}", name, f"{mean:.6g}") for name, mean in means.items())
            if self.board is not None:
                for name, mean in means.items():
                    self.board.add_scalar(name, mean, report.step)
            self.sums.clear()

    def _write(self, rows: object) -> None:
        with open(self.path, "a", newline="") as file:
            csv.writer(file).writerows(rows)


def _tensorboard(folder: Path) -> SummaryWriter | None:
    """A TensorBoard log in `folder`, where TensorBoard is installed (extra `train`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def use_threads(count: int | None) -> None:
    """Limits torch to `count` threads where given."""
    if count is not None:
        torch.set_num_threads(count)
