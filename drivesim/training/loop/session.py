"""Trains one stage to its end, with reports, `metrics.csv`, sample pictures, and the exported checkpoint."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from drivesim import durable
from drivesim.errors import CheckpointError, TrainingWriteError
from drivesim.locks import OwnedLock
from drivesim.memory import shortage_explained
from drivesim.models.checkpoints import CheckpointSet, publish_checkpoint, sha256_of
from drivesim.models.stages import TEACHER_OF
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.distributed import barrier, decided, rank, world_size
from drivesim.training.loop.loop import Report, Training, changed_foundations, resumed_budget
from drivesim.training.loop.metrics import MetricsLog, as_text
from drivesim.training.loop.sharding import is_sharded, shard, whole_network
from drivesim.training.loop.state_folder import Evaluation, StateFolder
from drivesim.training.preparation.request import TRAINED, StageRequest
from drivesim.training.stages.stage import TrainingStage

logger = logging.getLogger(__name__)


def train_stage(
    request: StageRequest,
    prepare: Callable[[], TrainingStage],
    budget: TrainingBudget,
    evaluate_every_s: float = 300.0,
    count_preparation: bool = False,
) -> Iterator[Report]:
    """Trains a stage until its budget ends, counted over all runs.

    Whenever a state is saved, `training/<stage>/` (states, metrics, pictures) and `<stage>.safetensors` (the averaged
    parameters) are written to the folder of checkpoints. If the training has ended already, nothing is written.

    Args:
        request: The stage.
        prepare: Builds the stage; it is not called if the training has ended already.
        budget: How long the training may last.
        evaluate_every_s: Seconds from one evaluation to the next; each saves the state.
        count_preparation: Whether the time that `prepare` takes counts.

    Yields:
        A report after every step.

    Raises:
        LockHeldError: Another process trains this stage in this folder.
        DivergenceError: The losses leave the finite numbers.
        TrainingWriteError: The disk is full.
        OutOfMemoryError: The batch size asks for more memory than there is.
    """
    with (
        _one_training(request.training_folder),
        _failed_write_explained(request.training_folder),
        shortage_explained("use a smaller batch size (--batch-size, or --batch-scale for a chain)"),
    ):
        if decided(is_finished(request, budget), request.device):
            return
        foundations = request.foundations()
        began = time.monotonic()
        stage = prepare()
        if request.shard:
            shard(stage.network, request.device)
        training = Training(stage, request.training_folder, budget, foundations, request.device)
        _explain_resume(training)
        if count_preparation:
            training.count(time.monotonic() - began)
        yield from _train(request, training, evaluate_every_s)


def is_finished(request: StageRequest, budget: TrainingBudget) -> bool:
    """Returns whether nothing is left to do: the budget is used, and the result is exported."""
    states = StateFolder(request.training_folder)
    record = states.last_record()
    if record is None or not resumed_budget(record, budget, request.foundations()).ended(record.progress):
        return False
    return _is_exported(request, states)


def _is_exported(request: StageRequest, states: StateFolder) -> bool:
    """Whether the checkpoint in the folder, and in its manifest, belongs to the last state."""
    evaluation, path = states.evaluation(), request.checkpoint(request.role)
    if evaluation is None or not path.is_file() or sha256_of(path) != evaluation.checkpoint_sha256:
        return False
    try:
        published = CheckpointSet.open(request.checkpoints)
    except CheckpointError:
        return False
    return published.preset == request.preset and published.sha256.get(request.role) == evaluation.checkpoint_sha256


def _train(request: StageRequest, training: Training, evaluate_every_s: float) -> Iterator[Report]:
    if training.resumed_from is None and training.budget.ended(training.progress):
        training.save()  # nothing is to be trained: what the stage starts from is exported
    evaluation = training.states.evaluation()
    known = training.record.figures | (evaluation.figures if evaluation is not None else {})
    log = MetricsLog(request.training_folder / "metrics.csv", training.progress, known)
    try:
        if decided(training.states.has_state and evaluation is None, request.device):
            _evaluate(request, training, log, {})
        for report in training.run(evaluate_every_s):
            if not report.saved:
                log.add_step(training.progress, report.figures)
                yield report
                continue
            log.take(report.figures)
            means = log.means()
            training.save(means)
            figures = _evaluate(request, training, log, means)
            if world_size() == 1:  # several processes would have to find the same footage
                training.stage.refresh()
            yield replace(report, figures=report.figures | figures)
        if decided(rank() == 0 and not _is_exported(request, training.states), request.device):
            with _finished(training) as stage:
                network = whole_network(stage.network, stage.role)
                if rank() == 0:
                    _publish(request, training, network)
    finally:
        log.close()


def _evaluate(request: StageRequest, training: Training, log: MetricsLog, means: dict[str, str]) -> dict[str, float]:
    """Measures the state saved last, draws pictures and exports the checkpoint, in process 0.

    All processes compute along if none of them holds the whole network. The figures are logged together with the means
    since the state before. The mark that the evaluation is done is written last, so that one that was killed is
    repeated.
    """
    figures: dict[str, float] = {}
    if rank() == 0 or is_sharded(training.stage.network):
        with _finished(training) as stage:
            figures, pictures = stage.held_out(), stage.pictures()
            network = whole_network(stage.network, stage.role)
            if rank() == 0:
                _write_pictures(request, training, pictures)
                published = _publish(request, training, network)
    if rank() == 0:
        log.write(training.progress, means | _texts(figures))
        training.states.add_evaluation(Evaluation(_texts(figures), published.sha256[training.stage.role]))
    barrier()
    return figures


def _write_pictures(request: StageRequest, training: Training, pictures: dict[str, np.ndarray]) -> None:
    for name, picture in pictures.items():
        path = request.training_folder / f"{name}_{training.progress.step:08d}.png"
        path.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())


def _publish(request: StageRequest, training: Training, network: nn.Module) -> CheckpointSet:
    """Exports the network of a stage; a student with the teacher that it was trained with."""
    teacher = TEACHER_OF.get(request.role)
    digest = None if teacher is None else (training.record.foundations or {}).get(teacher)
    return publish_checkpoint(request.checkpoints, request.preset, request.role, network, digest)


@contextlib.contextmanager
def _finished(training: Training) -> Iterator[TrainingStage]:
    """The stage with its averaged parameters, ready to be measured and exported."""
    stage = training.stage
    with training.average.applied():
        stage.finish()
        yield stage


def _texts(figures: dict[str, float]) -> dict[str, str]:
    return {name: as_text(value) for name, value in figures.items()}


def _explain_resume(training: Training) -> None:
    """Warns if a resumed training counts its budget or its learning rate anew."""
    before, now = training.resumed_from, training.record
    if before is None or rank() > 0:
        return
    place = f"{training.stage.role}: step {now.progress.step}"
    changed = changed_foundations(before, now.foundations or {})
    if not training.restored and TRAINED not in changed:
        changed.append(TRAINED)
    if changed:
        logger.warning(
            "%s: %s changed since; training continues from its old weights, and its time counts from here",
            place,
            " and ".join(changed),
        )
    elif before.budget is not None and training.budget.decays_after != before.budget.decays_after:
        logger.warning("%s: there is more time now, so the learning rate, which had begun to fall, starts anew", place)


@contextlib.contextmanager
def _one_training(folder: Path) -> Iterator[None]:
    """Holds the lock of a stage's training folder (process 0), so that no second process trains there."""
    if rank() > 0:
        yield
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise CheckpointError(f"{folder.parent}: expected a folder, found a file; name another --out") from None
    with OwnedLock.acquire(folder.with_name(f"{folder.name}.lock"), folder):
        yield


@contextlib.contextmanager
def _failed_write_explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = durable.advice(error)
        if advice is None:
            raise
        raise TrainingWriteError(f"{error.filename or folder}: {error.strerror}; {advice}") from error
