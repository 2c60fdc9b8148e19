"""Snapshots of the averages that a training keeps, out of which an average of another length can be made later.

    snapshots/00001200.safetensors    the averages after step 1200, in fp16

Snapshots are taken at steps that follow from the number of steps alone, and only those of the last three quarters of
the training are kept: at most 16, of which each is as large as two checkpoints.
"""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from drivesim import durable
from drivesim.models.checkpoints.tensor_file import tensor_file
from drivesim.training.loop.power_average import Profile, combination

CHOICES = (0.03, 0.05, 0.1, 0.15, 0.2)
"""The lengths of which the best is chosen at the end of a training."""
_FIRST, _SPACING, _KEPT_FROM = 100, 1.1, 0.25
_MOST_MISSING = 0.02  # of a profile's square; more would be another average than the one that was asked for
_NAME = re.compile(r"(\d{8,})\.safetensors")


def is_due(steps: int) -> bool:
    """Returns whether a snapshot is taken after `steps` steps of the averages: each is a tenth later than the last."""
    return steps >= _FIRST and math.log(steps) // math.log(_SPACING) > math.log(steps - 1) // math.log(_SPACING)


@dataclass(frozen=True)
class _Snapshot:
    path: Path
    begun: int
    step: int
    lengths: tuple[float, ...]


class Snapshots:
    """The snapshots in the folder of one training, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "snapshots"

    def add(self, begun: int, step: int, averages: dict[float, dict[str, Tensor]]) -> None:
        """Writes a snapshot, and removes those that are too old to be of use.

        Args:
            begun: The step at which the averages began.
            step: The step after which the snapshot is taken.
            averages: The averages of each length, whole, by name.

        Raises:
            OSError: The snapshot cannot be written.
        """
        tensors = {
            f"{length}/{name}": tensor.to("cpu", torch.float16)
            for length, named in averages.items()
            for name, tensor in named.items()
        }
        lengths = " ".join(map(str, averages))
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{step:08d}.safetensors"
        durable.write_file(path, *tensor_file(tensors, {"begun": str(begun), "lengths": lengths}), suffix=".partial")
        durable.sync_folder(self.folder)
        self.remove_outside(begun, step)

    def remove_outside(self, begun: int, step: int) -> None:
        """Removes snapshots of averages begun at another step, and those that are too old or later than `step`."""
        first = begun + _KEPT_FROM * (step - begun)
        for snapshot in self._all():
            if snapshot.begun != begun or not first <= snapshot.step <= step:
                snapshot.path.unlink(missing_ok=True)

    def averaged(self, length: float) -> dict[str, Tensor] | None:
        """Returns the parameters averaged over a length up to the last snapshot, by name, in float32.

        Returns None if the snapshots are too few for an average of this length.
        """
        snapshots = self._all()
        if not snapshots:
            return None
        kept = [
            (snapshot, Profile(own, snapshot.step - snapshot.begun))
            for snapshot in snapshots
            for own in snapshot.lengths
        ]
        wanted = Profile(length, snapshots[-1].step - snapshots[-1].begun)
        factors, missing = combination([profile for _, profile in kept], wanted)
        if missing > _MOST_MISSING:
            return None
        total: dict[str, Tensor] = {}
        for (snapshot, profile), factor in zip(kept, factors, strict=True):
            prefix = f"{profile.length}/"
            with safe_open(snapshot.path, "pt") as file:
                for key in (key for key in file.keys() if key.startswith(prefix)):  # noqa: SIM118
                    part = float(factor) * file.get_tensor(key).float()
                    name = key.removeprefix(prefix)
                    total[name] = total[name] + part if name in total else part
        return total

    def _all(self) -> list[_Snapshot]:
        """All snapshots that can be read, the first one first."""
        found = []
        for path in sorted(self.folder.glob("*.safetensors")) if self.folder.is_dir() else []:
            name = _NAME.fullmatch(path.name)
            if name is None:
                continue
            with contextlib.suppress(SafetensorError, OSError, KeyError, ValueError), safe_open(path, "pt") as file:
                told = file.metadata() or {}
                lengths = tuple(float(length) for length in told["lengths"].split())
                found.append(_Snapshot(path, int(told["begun"]), int(name[1]), lengths))
        return sorted(found, key=lambda snapshot: snapshot.step)
