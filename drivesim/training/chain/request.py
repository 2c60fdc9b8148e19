"""What a user asks of a training chain, and what the chain plans to do with each stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drivesim.models.presets import Preset
from drivesim.training.chain.shares import Shares

Action = Literal["skip", "train", "continue", "train on", "collect", "keep", "leave out"]
"""`keep` takes the checkpoint of a stage that is not trained from the folder that the chain starts from, so that the
set is complete."""


@dataclass(frozen=True)
class ChainRequest:
    """A chain of stages to train.

    Attributes:
        preset: The sizes of all stages.
        data: Folder with drive logs or packed footage.
        checkpoints: Folder for the results.
        minutes: Time for all stages.
        shares: How the time is divided.
        steps: Largest number of steps per stage; None sets no limit.
        device: Device to train on.
        batch_scale: Factor of the batch size of every stage.
        seed: Seed of batches and noise.
        initial: Folder with checkpoints that new stages start from; None to start from nothing.
        record_workers: Number of processes that record footage meanwhile.
        evaluate_every_s: Seconds from one evaluation to the next.
        learning_rate_scale: Factor of the learning rate of every stage.
        keep_encoder: Whether only the decoder of the autoencoder is trained, if it starts from given weights.
        held_out: Names of the recordings that are kept out of training; without any, the names of the logs decide.
        skip_missing_clips: Whether a stage that wants several kinds of clips is trained on those that there are.
    """

    preset: Preset
    data: Path
    checkpoints: Path
    minutes: float
    shares: Shares = field(default_factory=Shares)
    steps: int | None = None
    device: str = "cpu"
    batch_scale: int = 1
    seed: int = 0
    initial: Path | None = None
    record_workers: int = 0
    evaluate_every_s: float = 300.0
    learning_rate_scale: float = 1.0
    keep_encoder: bool = False
    held_out: frozenset[str] = frozenset()
    skip_missing_clips: bool = False


@dataclass(frozen=True)
class PlannedStage:
    """What the chain will do with a stage.

    Attributes:
        role: The stage.
        action: What will be done.
        reason: Why.
        minutes: For how many minutes.
        footage: What footage there is.
        missing: The kinds of footage that the stage wants and that are not there.
    """

    role: str
    action: Action
    reason: str
    minutes: float
    footage: str
    missing: tuple[str, ...]
