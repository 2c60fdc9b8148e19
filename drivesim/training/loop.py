"""The one training loop: gradient averaging, clipping, moving average, time box, resume with the same losses.

All randomness of a step comes from a generator seeded with (seed, step, rank), so that a resumed run repeats what an
uninterrupted one would have done.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from drivesim.training.distributed import agreed, average_gradients, barrier, rank
from drivesim.training.ema import MovingAverage
from drivesim.training.optimizer import NetworkOptimizer
from drivesim.training.stage import TrainingStage
from drivesim.training.state import load_state, save_state


@dataclass(frozen=True)
class Report:
    """After a step: its number from 1, seconds trained over all runs, its figures; `saved` if a state was written."""

    step: int
    elapsed_s: float
    figures: dict[str, float]
    saved: bool = False


class Training:
    """A stage with its optimisers, moving average and state folder."""

    def __init__(self, stage: TrainingStage, folder: Path, device: str = "cpu") -> None:
        self.stage, self.folder, self.device = stage, folder, device
        self.parameters = stage.parameters()
        self.optimizers = {
            name: NetworkOptimizer(named.values(), stage.config.learning_rate, stage.config.muon and name == "network")
            for name, named in self.parameters.items()
        }
        self.average = MovingAverage(self.parameters["network"], stage.config.ema_decay)
        self.step, self.elapsed_s = load_state(folder, self.parameters, self.optimizers, self.average, stage.buffers())

    def run(self, seconds: float, max_steps: int | None = None, save_every_s: float = 300.0) -> Iterator[Report]:
        """Trains until `seconds` over all runs, or `max_steps` in all, have passed; saves now, then, at the end."""
        began, before = time.monotonic(), self.elapsed_s
        last_save = began
        while agreed(self.elapsed_s, self.device) < seconds and (max_steps is None or self.step < max_steps):
            figures = self._descend()
            self.step += 1
            now = time.monotonic()
            self.elapsed_s = before + now - began
            due = agreed(float(now - last_save >= save_every_s), self.device) > 0
            if due:
                self.save()
                last_save = now
            yield Report(self.step, self.elapsed_s, figures, due)
        self.save()

    def save(self) -> None:
        """Writes the training state (process 0 alone)."""
        if rank() == 0:
            trained = (self.parameters, self.optimizers, self.average, self.stage.buffers())
            save_state(self.folder, self.step, self.elapsed_s, *trained)
        barrier()

    def _descend(self) -> dict[str, float]:
        config = self.stage.config
        generator = step_generator(config.seed, self.step, rank())
        figures: dict[str, float] = {}
        for term in self.stage.losses(self.step, generator):
            parameters = list(self.parameters[term.optimizer].values())
            optimizer = self.optimizers[term.optimizer]
            optimizer.zero_grad()
            term.value.backward()
            average_gradients(parameters)
            norm = nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
            if torch.isfinite(norm):
                optimizer.step(self._learning_rate(term.optimizer))
            figures |= {name: float(value.detach()) for name, value in term.figures.items()}
            figures[f"{term.optimizer}_gradient_norm"] = float(norm)
        self.average.update(self.step)
        return figures

    def _learning_rate(self, optimizer: str) -> float:
        config = self.stage.config
        rate = config.learning_rate * min(1.0, (self.step + 1) / config.warmup_steps)
        return rate if optimizer == "network" else rate * config.adversary_rate


def step_generator(seed: int, step: int, process: int) -> torch.Generator:
    """The generator of one step of one process, on the CPU."""
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") % 2**63)
