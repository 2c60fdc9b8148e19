"""What the training loop asks of a stage, and what stages on packed footage have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import FootageTensors, clip_places
from drivesim.data.packed import PackedFootage


class ClipKind(NamedTuple):
    """Clips of `num_frames` frames at `fps` frames per second; `fps` None stands for single frames of any log."""

    fps: float | None
    num_frames: int


SINGLE_FRAMES = ClipKind(None, 1)


@dataclass(frozen=True)
class TrainingConfig:
    """How a stage is optimised.

    Attributes:
        batch_size: Number of clips per step in each process.
        learning_rate: Learning rate after the warm-up.
        warmup_steps: Number of steps over which the learning rate rises.
        ema_decay: Decay of the moving average of the parameters.
        gradient_clip: Largest norm of a gradient.
        seed: Seed of batches and noise.
        muon: Whether Muon instead of AdamW steps the matrices of the network.
        adversary_rate: Learning rate of a discriminator, as a fraction of that of the network.
        adversary_momentum: Decay of the mean of its gradients.
    """

    batch_size: int
    learning_rate: float = 3e-4
    warmup_steps: int = 100
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    seed: int = 0
    muon: bool = False
    adversary_rate: float = 1.0
    adversary_momentum: float = 0.9


@dataclass(frozen=True)
class LossTerm:
    """One loss that an optimiser descends.

    Attributes:
        optimizer: Name of the optimiser: `network`, or that of an adversary.
        value: The loss, a scalar.
        figures: Scalars for the log, by name.
    """

    optimizer: str
    value: Tensor
    figures: dict[str, Tensor]


class TrainingStage(Protocol):
    """A stage as the training loop sees it: a network to export, parameters of each optimiser, and losses."""

    @property
    def role(self) -> str:
        """Name of the stage."""
        ...

    @property
    def network(self) -> nn.Module:
        """The network that is exported."""
        ...

    @property
    def config(self) -> TrainingConfig:
        """The settings of the optimisers."""
        ...

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns the trained parameters of each optimiser by name; those of `network` are averaged and exported."""
        ...

    def buffers(self) -> dict[str, Tensor]:
        """Returns the state besides the parameters that the next step depends on, by name."""
        ...

    def refresh(self) -> int:
        """Includes the footage that was recorded since, and returns the number of new frames."""
        ...

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Draws a batch and yields losses; the loop descends each before it asks for the next.

        Args:
            step: Number of the step, from 0.
            used: Fraction of the training that is done, 0 to 1.
            generator: Source of all randomness of the step, on the CPU.
        """
        ...

    def keep_best(self) -> None:
        """Is called with the averaged parameters before a state is saved, by stages that export the best ones so far.

        What is kept belongs to the `buffers`.
        """
        ...

    def finish(self) -> None:
        """Completes the network with the averaged parameters, before it is evaluated or exported."""
        ...

    def held_out(self) -> dict[str, float]:
        """Returns figures on held-out footage, the same each time; `held_out_samples` is the number of samples."""
        ...

    def pictures(self) -> dict[str, np.ndarray]:
        """Returns sample pictures, uint8 `h w 3`, by name."""
        ...


class FootageStage:
    """The base of stages that train on clips of packed footage.

    Attributes:
        footage: Frames and labels.
        train: The places of the clips for training, for each kind of clip.
        test: The places of the held-out clips, for each kind of clip.
        needs_labels: Whether only frames whose vehicles are labelled are of use.
    """

    needs_labels = False

    def __init__(self, footage: PackedFootage, device: str, kinds: Sequence[ClipKind]) -> None:
        """Finds the clips.

        Args:
            footage: The footage.
            device: Device that holds the frames; on the CPU they stay in their files.
            kinds: The kinds of clips that the stage trains on.

        Raises:
            FootageError: There are no clips of a kind.
        """
        self.footage = FootageTensors(footage, device)
        self._kinds = tuple(kinds)
        self._find_clips()

    def buffers(self) -> dict[str, Tensor]:
        """Returns the state besides the parameters that the next step depends on: nothing."""
        return {}

    def keep_best(self) -> None:
        """Is called before a state is saved: nothing is kept, because the last parameters are exported."""

    def finish(self) -> None:
        """Completes the network before it is evaluated or exported: nothing is to be done."""

    def refresh(self) -> int:
        """Includes the footage that was recorded since, and returns the number of new frames."""
        num_new = self.footage.refresh()
        if num_new:
            self._find_clips()
            self.footage_has_grown()
        return num_new

    def footage_has_grown(self) -> None:
        """Is called after new footage was included, for a stage that keeps more than its clips."""

    def _find_clips(self) -> None:
        footage = self.footage.footage
        self.train, self.test = (
            [clip_places(footage, split, *kind, labelled=self.needs_labels) for kind in self._kinds]
            for split in ("train", "held_out")
        )


def named_parameters(module: nn.Module, only: Mapping[str, nn.Parameter] | None = None) -> dict[str, nn.Parameter]:
    """Makes some parameters of a module trainable and freezes the others.

    Args:
        module: The module.
        only: The parameters to train, by name; None for all.

    Returns:
        The trainable parameters by name, in the order of the module.
    """
    chosen = {name: parameter for name, parameter in module.named_parameters() if only is None or name in only}
    module.requires_grad_(False)
    for parameter in chosen.values():
        parameter.requires_grad_(True)
    return chosen
