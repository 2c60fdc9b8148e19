"""What the loop asks of a training stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainingConfig:
    """How a stage is optimised. `batch_size` is per process; `learning_rate` is reached after `warmup_steps`.

    muon: whether the matrices of the network are stepped by Muon instead of AdamW.
    adversary_rate: learning rate of a discriminator, as a fraction of the network's.
    """

    batch_size: int
    learning_rate: float = 3e-4
    warmup_steps: int = 100
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    seed: int = 0
    muon: bool = False
    adversary_rate: float = 1.0


@dataclass(frozen=True)
class LossTerm:
    """One loss to descend: whose optimiser steps (`network`, or an adversary), its value, figures for the log."""

    optimizer: str
    value: Tensor
    figures: dict[str, Tensor]


class TrainingStage(Protocol):
    """A stage: the network to export, the parameters of each optimiser, and its losses on a drawn batch."""

    role: str
    network: nn.Module
    config: TrainingConfig

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Named trained parameters of each optimiser; `network` is the one that is averaged and exported."""

    def buffers(self) -> dict[str, Tensor]:
        """State besides the parameters that the next step depends on, by name."""

    def refresh(self) -> int:
        """Takes up the footage that was recorded since; returns how many frames are new."""

    def losses(self, step: int, generator: torch.Generator) -> Iterator[LossTerm]:
        """Draws a batch with `generator` and yields losses; the loop descends each before it asks for the next."""

    def held_out(self) -> dict[str, float]:
        """Figures on held-out footage, the same batch and noise each time; `held_out_samples` is their number."""

    def pictures(self) -> dict[str, np.ndarray]:
        """Sample pictures `h w 3` uint8 by name, made with the averaged parameters."""


def named_parameters(module: nn.Module, only: list[nn.Parameter] | None = None) -> dict[str, nn.Parameter]:
    """Trainable parameters by name, all or those listed; the rest of the module is frozen."""
    wanted = {id(p) for p in only} if only is not None else None
    chosen = {name: p for name, p in module.named_parameters() if wanted is None or id(p) in wanted}
    module.requires_grad_(False)
    for parameter in chosen.values():
        parameter.requires_grad_(True)
    return chosen
