"""The one training loop: gradient averaging, clipping, moving average, budget, resume with the same losses.

All randomness of a step comes from a generator seeded with (seed, step, rank), so that a resumed run repeats what an
uninterrupted one would have done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from drivesim.errors import CheckpointError, DivergenceError
from drivesim.training.loop.budget import Progress, TrainingBudget
from drivesim.training.loop.distributed import agreed, average_gradients, barrier, decided, everywhere, rank
from drivesim.training.loop.ema import MovingAverage
from drivesim.training.loop.optimizer import NetworkOptimizer
from drivesim.training.loop.randomness import step_generator
from drivesim.training.loop.sharding import gathered
from drivesim.training.loop.state import TrainedState, not_finite
from drivesim.training.loop.state_folder import StateFolder, StateRecord
from drivesim.training.preparation.request import INITIAL
from drivesim.training.stages.stage import TrainingStage

MOST_SKIPPED_STEPS = 5
"""A training whose loss or gradient is not finite in this many steps in a row has diverged."""
_ADVICE = "the last good state and checkpoint stay; continue with a lower --learning-rate, or on other footage"


@dataclass(frozen=True)
class Report:
    """What is known after a step.

    Attributes:
        step: Number of the step, from 1.
        elapsed_s: Seconds of training over all runs.
        figures: Figures of the step by name.
        saved: Whether a state is saved after the step.
    """

    step: int
    elapsed_s: float
    figures: dict[str, float]
    saved: bool = False

    @property
    def progress(self) -> Progress:
        """How far the training has come."""
        return Progress(self.step, self.elapsed_s)

    def in_words(self, role: str) -> str:
        """Returns stage, step and loss on one line."""
        return f"{role}: step {self.step}, loss {next(iter(self.figures.values()), float('nan')):.4f}"

    def with_figures(self, role: str) -> str:
        """Returns stage, step, time and all figures on one line."""
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        return f"{role}: step {self.step}, {self.elapsed_s / 60:.1f} min: {figures}"


class Training:
    """A stage with its optimisers, moving average, budget and saved states.

    Attributes:
        stage: The stage.
        device: Device that it is trained on.
        states: The saved states.
        average: Moving average of the parameters.
        state: Everything that the next step depends on.
        record: What is known of the present state.
        resumed_from: The record of the saved state that the training continues from; None if there was none.
        restored: Whether the tensors of that state were restored.
    """

    def __init__(
        self,
        stage: TrainingStage,
        folder: Path,
        budget: TrainingBudget,
        foundations: dict[str, str] | None = None,
        device: str = "cpu",
    ) -> None:
        """Continues from the last saved state, if there is one.

        Args:
            stage: The stage.
            folder: Folder of the saved states.
            budget: How long the training may last.
            foundations: What the training depends on (`StageRequest.foundations`). If something has changed, training
                continues from the weights that there are, and its budget counts anew.
            device: Device to train on.

        Raises:
            CheckpointError: The saved state does not fit the network, or no state is left that is whole.
        """
        self.stage, self.device = stage, device
        self.states = StateFolder(folder)
        parameters, config = stage.parameters(), stage.config
        optimizers = {
            name: NetworkOptimizer(named.values(), config.learning_rate, config.muon)
            if name == "network"
            else NetworkOptimizer(named.values(), config.learning_rate, momentum=config.adversary_momentum)
            for name, named in parameters.items()
        }
        self.average = MovingAverage(parameters["network"], config.ema_decay)
        self.state = TrainedState(parameters, optimizers, self.average, stage.buffers())
        self.record = StateRecord(Progress(), budget, foundations or {})
        self.resumed_from: StateRecord | None = None
        self.restored = False
        self._skipped_in_a_row = 0
        saved = self.states.load()
        if saved is not None:
            record, tensors = saved
            self.restored = self._restore(tensors, INITIAL in (foundations or {}))
            if rank() == 0:
                self.states.tidy()
            if self.restored:
                resumed = resumed_budget(record, budget, foundations or {})
            else:
                resumed = budget.counted_from(record.progress)
            self.record = replace(self.record, progress=record.progress, budget=resumed, figures=record.figures)
            self.resumed_from = record

    @property
    def progress(self) -> Progress:
        """How far the training has come."""
        return self.record.progress

    @property
    def budget(self) -> TrainingBudget:
        """The time and the steps that the training may use."""
        assert self.record.budget is not None, "only records of earlier versions have none, and those are completed"
        return self.record.budget

    def run(self, save_every_s: float = 300.0) -> Iterator[Report]:
        """Trains until the budget ends.

        Args:
            save_every_s: Seconds from one saved state to the next.

        Yields:
            A report after every step. If its `saved` is set, the caller calls `save`.

        Raises:
            DivergenceError: Losses or gradients are not finite in several steps in a row.
        """
        began, before = time.monotonic(), self.progress
        last_save = began
        while not self.budget.ended(self.progress):
            figures = self._descend()
            now = time.monotonic()
            elapsed_s = agreed(before.elapsed_s + now - began, self.device)
            self.record = replace(self.record, progress=Progress(self.progress.step + 1, elapsed_s))
            ended = self.budget.ended(self.progress)
            self._stop_if_diverged(ended)
            due = ended or decided(now - last_save >= save_every_s, self.device)
            if due:
                last_save = now
            yield Report(self.progress.step, elapsed_s, figures, due)

    def count(self, seconds: float) -> None:
        """Takes seconds that were spent on something else from the budget, but at most half of what is left."""
        if self.budget.seconds is not None:
            left = self.budget.seconds - (self.progress.elapsed_s - self.budget.start.elapsed_s)
            elapsed_s = self.progress.elapsed_s + max(0.0, min(seconds, left / 2))
            self.record = replace(self.record, progress=Progress(self.progress.step, agreed(elapsed_s, self.device)))

    def save(self, figures: dict[str, str] | None = None) -> None:
        """Saves the state, in process 0 only; if that fails, the last state stays.

        Args:
            figures: Means of figures, as `metrics.csv` holds them.

        Raises:
            DivergenceError: The state holds a value that is not finite.
            OSError: The state cannot be written.
        """
        self.record = replace(self.record, figures=figures or {})
        if rank() == 0:
            with self.average.applied():
                self.stage.keep_best()
        tensors = self.state.tensors()
        if rank() == 0:
            name = not_finite(tensors)
            if name is not None:
                raise DivergenceError(f"{self._diverged()}: {name} holds values that are not finite; {_ADVICE}")
            self.states.save(self.record, tensors)
        barrier()

    def _restore(self, tensors: dict[str, torch.Tensor], has_weights: bool) -> bool:
        """Restores a saved state, unless other parameters of the same network were trained.

        `--keep-encoder` leaves such a state. A stage that starts from given weights then keeps them. Returns whether
        the state was restored.
        """
        if self.state.is_of_other_parameters(tensors):
            if has_weights:
                return False
            raise CheckpointError(
                f"{self.states.folder}: the training state is of other parameters of this network; name the "
                "checkpoints to continue from with --init, or use another folder"
            )
        try:
            self.state.restore(tensors)
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(
                f"{self.states.folder}: the training state does not fit this network ({reason}); use another folder"
            ) from None
        return True

    def _descend(self) -> dict[str, float]:
        config, step = self.stage.config, self.progress.step
        generator = step_generator(config.seed, step, rank())
        figures: dict[str, float] = {}
        skipped = False
        for term in self.stage.losses(step, self.budget.used(self.progress), generator):
            parameters = list(self.state.parameters[term.optimizer].values())
            optimizer = self.state.optimizers[term.optimizer]
            optimizer.zero_grad()
            torch.autograd.backward(term.value)
            average_gradients(parameters)
            norm = gathered(nn.utils.clip_grad_norm_(parameters, config.gradient_clip))
            measured = {**term.figures, f"{term.optimizer}_gradient_norm": norm}
            fetched = torch.stack([value.detach().float() for value in (term.value, *measured.values())]).cpu()
            loss, *values = fetched.tolist()  # fetched at once: a GPU idles while its values are waited for
            if everywhere(math.isfinite(loss) and math.isfinite(values[-1]), self.device):
                optimizer.step(self._learning_rate(term.optimizer))
            else:
                skipped = True
            figures |= dict(zip(measured, values, strict=True))
        self.average.update(step)
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        return {**figures, "skipped_steps": float(skipped)}

    def _learning_rate(self, optimizer: str) -> float:
        config = self.stage.config
        rate = config.learning_rate * self.budget.learning_rate_factor(self.progress, config.warmup_steps)
        return rate if optimizer == "network" else rate * config.adversary_rate

    def _stop_if_diverged(self, ended: bool) -> None:
        """Raises DivergenceError after too many skipped steps in a row, or if a short training skipped all."""
        steps = self.progress.step - self.budget.start.step
        if self._skipped_in_a_row >= (min(MOST_SKIPPED_STEPS, steps) if ended else MOST_SKIPPED_STEPS):
            raise DivergenceError(
                f"{self._diverged()}: loss or gradient were not finite in the last {self._skipped_in_a_row} steps; "
                f"{_ADVICE}"
            )

    def _diverged(self) -> str:
        return f"{self.states.folder}: training of {self.stage.role} diverged at step {self.progress.step}"


def changed_foundations(record: StateRecord, foundations: dict[str, str]) -> list[str]:
    """Returns the names of the foundations that have changed since a state was saved, as far as both are known."""
    if record.foundations is None:  # written by a version that did not keep them
        return []
    return [name for name, digest in foundations.items() if record.foundations.get(name, digest) != digest]


def resumed_budget(record: StateRecord, budget: TrainingBudget, foundations: dict[str, str]) -> TrainingBudget:
    """Returns the budget of a training that continues from a saved state, on the same foundations or on others."""
    if changed_foundations(record, foundations):
        return budget.counted_from(record.progress)
    return budget if record.budget is None else budget.continuing(record.budget, record.progress)
