"""What a chain trains on a user's own footage: which stages, from which weights, how fast, for which share of the time.

Footage of a user is short beside the footage of the default models, and often without labels. A chain that starts from
trained weights therefore keeps what such footage cannot teach:

- **The encoder stays, and the decoder learns** the look of the new roads. The stages in latents then stand on the
  latents that they know. A chain from nothing trains both.
- **Learning rates are a third** of those of a training from nothing. Muon's steps do not shrink with the gradient, so
  the rate alone decides how far minutes on a few drives carry the weights from what hours have taught.
- **Stages without footage of their own** keep their weights. The upsampler learns nothing from frames that are smaller
  than those that it makes, the vehicle detector learns from annotated vehicles only (detected ones would teach it the
  mistakes of another detector), and the layouts need labelled frames.
- **Students in few steps are left out**, because they stand for the models that they were taught by. They are trained
  anew once the adapted models are good enough.
- **A stage that wants clips of several frame rates** is trained on those that there are. Logs of 10 frames per second
  have none at 40.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivesim.data.drive_log import DriveLog, list_drive_logs, recording_of, split_of
from drivesim.data.packed import packed_folder
from drivesim.data.shards.shard import shard_names
from drivesim.errors import FootageError
from drivesim.models.presets import Preset
from drivesim.models.stages import TEACHER_OF, VEHICLE_DETECTOR
from drivesim.training.chain.shares import Shares

LEARNING_RATE_SCALE = 1 / 3
"""Factor of the learning rates of a chain that starts from trained weights."""

_SHARES = {
    **dict.fromkeys(TEACHER_OF, 0.0),
    "autoencoder": 0.15,
    "image": 0.30,
    "prediction": 0.30,
    "interpolation": 0.10,
    "decoder": 0.15,
    "upsampler_image": 0.20,
    "upsampler": 0.05,
    VEHICLE_DETECTOR: 0.10,
}
"""Shares of the time of a chain that starts from trained weights.

`image` and `prediction` decide what a future looks like. The two stages that decode latents get as much as either: with
the encoder kept, they alone carry the new roads into pixels.
"""


@dataclass(frozen=True)
class FootageTraits:
    """What the drive logs of a folder can teach.

    Attributes:
        recordings: Names of the recordings, sorted.
        held_out: The recordings among them that are held out.
        rows: Number of rows of the largest frames.
        has_annotations: Whether there are vehicles that the data set or the procedural world has labelled.
    """

    recordings: tuple[str, ...]
    held_out: tuple[str, ...]
    rows: int
    has_annotations: bool

    @classmethod
    def of(cls, data: Path, held_out: Collection[str] = ()) -> FootageTraits:
        """Reads the labels of all drive logs of a folder; logs that cannot be read are left out.

        Args:
            data: Folder with drive logs.
            held_out: Names of the recordings that the user holds out.

        Raises:
            FootageError: There are no drive logs, one of the names is no recording, or one of the splits is empty.
        """
        logs = []
        for path in list_drive_logs(data):
            with suppress(FootageError):
                logs.append(DriveLog.open(path))
        if not logs:
            raise FootageError(f"{data}: no drive logs here; make some with `drivesim ingest`")
        recordings = sorted({recording_of(log.name) for log in logs})
        unknown = sorted(set(held_out) - set(recordings))
        if unknown:
            raise FootageError(
                f"--held-out: {data} has no recording called {', '.join(unknown)}; it has {_listed(recordings)}"
            )
        out = sorted({recording_of(log.name) for log in logs if split_of(log.name, held_out) == "held_out"})
        if not out:
            raise FootageError(
                f"{data}: none of its recordings is held out, so nothing could be measured; name at least one with "
                f"--held-out, out of {_listed(recordings)}"
            )
        if len(out) == len(recordings):
            raise FootageError(f"{data}: all of its recordings are held out, so there is nothing to train on")
        vehicles = [log.labels.provenance.vehicles if log.labels.provenance else "annotated" for log in logs]
        return cls(tuple(recordings), tuple(out), max(log.labels.height for log in logs), "annotated" in vehicles)


def adaptation_shares(
    traits: FootageTraits, preset: Preset, data: Path, from_scratch: bool
) -> tuple[Shares, dict[str, str]]:
    """Returns the shares of an adaptation, and why some stages are left out, by stage.

    Args:
        traits: What the footage can teach.
        preset: The sizes of all stages.
        data: Folder of the footage.
        from_scratch: Whether the chain starts from nothing.
    """
    rows = preset.video.low_height * preset.upsampler.factor
    columns = preset.video.low_width * preset.upsampler.factor
    reasons: dict[str, str] = {}
    if traits.rows < rows and not shard_names(packed_folder(data, rows, columns)):
        reasons |= dict.fromkeys(
            ("upsampler_image", "upsampler"), f"the frames have up to {traits.rows} rows, and it learns to make {rows}"
        )
    if not traits.has_annotations:
        reasons[VEHICLE_DETECTOR] = "the footage has no annotated vehicles"
    shares = Shares()
    if not from_scratch:
        shares = Shares({role: _SHARES.get(role, 0.0) for role in shares.by_role})
    return shares.changed([f"{role}=0" for role in reasons]), reasons


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
