"""One rollout job: a scenario, how its futures are sampled, and where its archive and previews go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivesim.archive.previews import PREVIEW_CRF
from drivesim.models.precision import FLOAT32
from drivesim.scenario import Scenario


@dataclass(frozen=True)
class RolloutJob:
    """All futures of a scenario, made into the archive `out/<name>.zarr` and the previews in `out/<name>/`.

    Attributes:
        scenario: what the futures show.
        out: folder for the archive and the previews.
        checkpoints: folder of the models.
        seed: seed of the run.
        futures: number of futures.
        only: the number of the only future that is made now; the archive has room for all of them.
        preset: how they are sampled, `fast` or `quality`.
        device: where the networks run, `cpu` or `cuda`.
        threads: number of CPU threads per worker; the bits depend on it.
        workers: number of worker processes; the bits do not depend on it.
        frame_storage: `lossless`, or `none` to keep latents alone, which is quick and makes no previews.
        crf: quality of the videos, from 0 (largest files) to 51 (smallest files).
        gate: maximum number of attempts at the first frame; 1 means no gate.
        latents: an archive to take the latents from, so that only frames are made.
        precision: number format of the networks.
        frames_precision: number format of the networks from keyframes to frames, if it is another one.
    """

    scenario: Scenario
    out: Path
    checkpoints: Path
    seed: int
    futures: int
    preset: str = "fast"
    device: str = "cpu"
    threads: int = 1
    workers: int = 2
    frame_storage: str = "lossless"
    crf: int = PREVIEW_CRF
    gate: int = 1
    latents: Path | None = None
    precision: str = FLOAT32
    frames_precision: str | None = None
    only: int | None = None

    @property
    def made_futures(self) -> range:
        """The futures that are made: all, or the only one."""
        return range(self.futures) if self.only is None else range(self.only, self.only + 1)

    @property
    def archive_path(self) -> Path:
        """Path of the archive."""
        return self.out / f"{self.scenario.name}.zarr"

    @property
    def preview_folder(self) -> Path:
        """Folder of the videos and pictures."""
        return self.out / self.scenario.name

    @property
    def previews(self) -> tuple[Path, ...]:
        """Paths of the videos and pictures that a finished rollout has; none if it keeps latents alone."""
        if self.frame_storage == "none":
            return ()
        of_futures = (path for future in range(self.futures) for path in self.previews_of(future))
        return (*of_futures, self.contact_sheet)

    @property
    def contact_sheet(self) -> Path:
        """Path of the picture that shows all futures."""
        return self.preview_folder / "contact_sheet.png"

    def previews_of(self, future: int) -> tuple[Path, Path]:
        """Returns the paths of the video and the poster of a future."""
        stem = f"future_{future:02d}"
        return self.preview_folder / f"{stem}.mp4", self.preview_folder / f"{stem}.png"
