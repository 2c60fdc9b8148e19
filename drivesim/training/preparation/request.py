"""What a user asks of one stage: where its footage and checkpoints lie, and the settings that differ from the usual."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.presets import Preset
from drivesim.models.stages import STAGES, Family, checkpoint_file, training_folder
from drivesim.regular_files import sha256_of
from drivesim.training.stages.stage import ClipKind

OnProgress = Callable[[str, int, int], None]
"""Is called with what is done, how much of it is done, and how much there is."""

FOOTAGE, INITIAL, TRAINED = "footage", "initial", "trained parameters"
"""Keys of `StageRequest.foundations` beside those of the stages."""


@dataclass(frozen=True)
class StageRequest:
    """A stage to train.

    Attributes:
        role: The stage.
        preset: The sizes of all stages.
        data: Folder with drive logs or packed footage.
        checkpoints: Folder with the checkpoints that the stage stands on, and for its results.
        device: Device to train on.
        batch_size: Clips per step in each process; None for the stage's default times `batch_scale`.
        learning_rate: Learning rate; None for the stage's default.
        seed: Seed of batches and noise.
        initial: Folder with the checkpoint whose weights the training starts from; None to start from nothing.
        keep_encoder: Whether only the decoder of stage `autoencoder` is trained.
        batch_scale: Factor of the default batch size.
        learning_rate_scale: Factor of the default learning rate, and of the number of steps over which it rises.
        clips: The only kinds of clips that the stage is trained on; None for all that it wants.
        held_out: Names of the recordings that are kept out of training; without any, the names of the logs decide.
        shard: Whether the network is divided among the processes that train together.
        footage: Identity of the footage, whose change makes the stage train on; None ignores such changes.
    """

    role: str
    preset: Preset
    data: Path
    checkpoints: Path
    device: str = "cpu"
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    initial: Path | None = None
    keep_encoder: bool = False
    batch_scale: int = 1
    learning_rate_scale: float = 1.0
    clips: tuple[ClipKind, ...] | None = None
    held_out: frozenset[str] = frozenset()
    shard: bool = False
    footage: str | None = None

    def checkpoint(self, role: str) -> Path:
        """Returns where the checkpoint of a stage lies or will lie."""
        return checkpoint_file(self.checkpoints, role)

    @property
    def training_folder(self) -> Path:
        """The folder of the states, metrics and pictures of the stage."""
        return training_folder(self.checkpoints, self.role)

    def foundations(self) -> dict[str, str]:
        """Returns what the training depends on; if a value changes, the stage trains on.

        These are the sha256 of the checkpoints that the stage stands on, if they are there, the identity of the
        footage, whether the training started from given weights, and, for the autoencoder, which parameters are
        trained. Stages that see only latents stand on the encoder: the decoder of the autoencoder may change.
        """
        paths = {role: self.checkpoint(role) for role in STAGES[self.role].foundations}
        found = {role: self._foundation(role, path) for role, path in paths.items() if path.is_file()}
        if self.footage is not None:
            found[FOOTAGE] = self.footage
        if self.initial is not None:
            found[INITIAL] = "given"
        if self.role == "autoencoder":
            found[TRAINED] = "decoder" if self.keep_encoder else "all"
        return found

    def _foundation(self, role: str, path: Path) -> str:
        latent = STAGES[self.role].family is Family.LATENT_DIFFUSION
        return _encoder_sha256(path) if role == "autoencoder" and latent else sha256_of(path)


def _encoder_sha256(path: Path) -> str:
    """The sha256 of everything that latents depend on. Raises CheckpointError if the file is not an autoencoder."""
    digest = hashlib.sha256()
    for name, tensor in sorted(stage_tensors(path, "autoencoder").items()):
        if not name.startswith("decoder."):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
