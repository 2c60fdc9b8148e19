"""Compare two archives of one scenario that were made on different devices, with different thread counts or versions.

Noise is drawn on the CPU and is the same everywhere, but sums of float32 are rounded differently on other hardware.
Each window continues the one before, so a difference in the last bits may grow: every window has figures of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivesim.archive.format.identity import Manifest
from drivesim.archive.reader import Archive, Rollout, open_archive
from drivesim.errors import InputError

# Inputs that may differ between two archives that are compared; all others must be the same.
MAY_DIFFER = ("device", "threads", "engine")

# The tolerance of every window across devices and thread counts, in float32 (docs/batch.md has the measurements).
MAX_LATENT_ERROR = 1e-3
MIN_PSNR_DB = 50.0


@dataclass(frozen=True)
class WindowDifference:
    """The difference between a window of one archive and the same window of another.

    Attributes:
        future: Number of the future.
        window: Number of the window.
        latent_error: Root mean square of the difference of the latents, divided by that of the latents.
        psnr_db: PSNR of the frames, infinite if they are the same; None if an archive stores no frames.
    """

    future: int
    window: int
    latent_error: float
    psnr_db: float | None

    @property
    def within_tolerance(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.latent_error <= MAX_LATENT_ERROR and (self.psnr_db is None or self.psnr_db >= MIN_PSNR_DB)


def compare_archives(path: str | Path, other: str | Path) -> Iterator[WindowDifference]:
    """Yields the difference of each window that both archives have, future by future.

    Raises:
        InputError: Scenario, seed, settings or models differ, or the archives have no window in common.
        ArchiveError: One of them is damaged.
    """
    one, two = open_archive(path), open_archive(other)
    for archive in (one, two):
        archive.require_sound()
    _require_comparable(one, two)
    with_frames = one.layout.keeps_frames and two.layout.keeps_frames
    found = False
    for mine, theirs in zip(one.rollouts, two.rollouts, strict=False):
        for window in range(min(mine.num_committed_windows, theirs.num_committed_windows)):
            found = True
            psnr_db = _psnr_db(mine, theirs, window) if with_frames else None
            yield WindowDifference(mine.future, window, _relative_error(mine, theirs, window), psnr_db)
    if not found:
        raise InputError(f"{one.path} and {two.path} have no window in common yet")


def _require_comparable(one: Archive, two: Archive) -> None:
    mine, theirs = (_comparable(archive) for archive in (one, two))
    mine.require_same_run(theirs, one.path)


def _comparable(archive: Archive) -> Manifest:
    """Returns the manifest without what may differ: number of futures, stored frames, and where it was made."""
    inputs = {name: value for name, value in archive.manifest.inputs.items() if name not in MAY_DIFFER}
    layout = {**archive.layout.to_dict(), "num_futures": 1}
    layout.pop("frames", None)
    return Manifest.create(inputs, type(archive.layout).from_dict(layout), {})


def _relative_error(mine: Rollout, theirs: Rollout, window: int) -> float:
    a, b = (rollout.latents[window].astype(np.float64) for rollout in (mine, theirs))
    return float(np.sqrt(np.mean((a - b) ** 2) / max(np.mean(a**2), np.finfo(np.float64).tiny)))


def _psnr_db(mine: Rollout, theirs: Rollout, window: int) -> float:
    frames = mine.layout.frame_range(window)
    square = [
        np.mean((mine.frames[index].astype(np.float32) - theirs.frames[index].astype(np.float32)) ** 2)
        for index in frames
    ]
    mean = float(np.mean(square))
    return float("inf") if mean == 0 else float(10 * np.log10(255**2 / mean))
