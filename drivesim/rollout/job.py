"""A rollout job: engine and archive joined. Running it again continues where it stopped."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import drivesim
from drivesim import durable
from drivesim.archive import Archive, ArchiveLayout, ArchiveWriter, open_archive
from drivesim.archive.format.identity import Manifest
from drivesim.archive.format.names import HEAD_FILE, rollout_folder
from drivesim.archive.previews import (
    PREVIEW_CRF,
    is_whole_preview,
    write_contact_sheet,
    write_poster,
    write_preview,
)
from drivesim.engine import (
    Engine,
    EngineSettings,
    FutureStart,
    Predicted,
    Progress,
    Timeline,
    Window,
    frame_shape,
    latent_shape,
    layout_to_obey,
    sampled_students,
    settings_named,
)
from drivesim.engine.real_frames import read_real_frame
from drivesim.engine.unheeded import heeded_settings
from drivesim.errors import InputError
from drivesim.models.checkpoints import VEHICLE_DETECTOR, CheckpointSet
from drivesim.models.precision import FLOAT32
from drivesim.models.stages import TEACHER_OF
from drivesim.rollout.workers import WorkerSpec, windows_from_workers
from drivesim.scenario import Scenario
from drivesim.wording import counted


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


@dataclass(frozen=True)
class Opened:
    """The archive is open.

    Attributes:
        num_windows: number of windows that each future will have.
        committed: number of windows of each future that are committed already.
    """

    num_windows: int
    committed: tuple[int, ...]


@dataclass(frozen=True)
class Committed:
    """A window of a future is durable; it holds `num_frames` frames."""

    future: int
    window: int
    num_frames: int


@dataclass(frozen=True)
class PreviewWritten:
    """A video or a picture is written. If it shows all futures, `future` is None."""

    path: Path
    future: int | None


JobEvent = Opened | Progress | Committed | PreviewWritten


def run_rollout(job: RolloutJob, engine: Engine | None = None) -> Iterator[JobEvent]:
    """Makes what is missing of a job and yields each step. Running it again continues where it stopped.

    Args:
        job: what to make.
        engine: makes the windows in this process instead of workers. It has the checkpoints, device and threads of the
            job.

    Raises:
        InputError: the checkpoints cannot be used, the folder cannot be written, the archive is that of another run,
            there is a gate but the scenario has no boxes, or the only future is none of the job's.
        ArchiveError: the archive is damaged, or another process writes it.
        DrivesimError: a worker failed.
    """
    if job.gate > 1:
        layout_to_obey(job.scenario)
    if job.only is not None and job.only >= job.futures:
        has = f"has {counted(job.futures, 'future')}, the last of which is {job.futures - 1}"
        raise InputError(f"--future {job.only}: {job.scenario.name} {has}; give more --futures")
    checkpoints = verified_checkpoints(job.checkpoints) if engine is None else engine.checkpoints
    settings = settings_of(job)
    timeline = Timeline(checkpoints.preset.video, settings.interpolation_passes, job.scenario.duration_s)
    layout = _layout(job, checkpoints, timeline)
    with ArchiveWriter.open(
        job.archive_path, identity_inputs(job, checkpoints), layout, _provenance(job, checkpoints)
    ) as writer:
        source = None if job.latents is None else _complete(source_archive(job, checkpoints))
        if layout.keeps_frames:
            _make_folder(job.preview_folder)
        yield Opened(layout.num_windows, tuple(map(writer.committed_windows, range(job.futures))))
        spec = WorkerSpec(
            job.checkpoints, job.scenario, job.seed, settings, job.device, job.threads, layout.keeps_frames
        )
        starts = [_start(writer, future, source) for future in job.made_futures]
        if engine is None:
            made = windows_from_workers(spec, timeline, starts, job.workers)
        else:
            made = engine.windows(job.scenario, starts, job.seed, settings, layout.keeps_frames)
        for event in made:
            if isinstance(event, Progress):
                yield event
                continue
            yield _commit(writer, event, timeline)
            if layout.keeps_frames and event.index + 1 == timeline.num_windows:
                yield from _preview(job, event.future)
        if not layout.keeps_frames:
            return
        for future in job.made_futures:
            yield from _preview(job, future)
        if all(writer.committed_windows(future) == timeline.num_windows for future in range(job.futures)):
            yield from _contact_sheet(job)


def verified_checkpoints(folder: Path) -> CheckpointSet:
    """Opens a folder of checkpoints; raises CheckpointError if a file is not the one that the manifest records."""
    checkpoints = CheckpointSet.open(folder)
    checkpoints.verify_all()
    return checkpoints


def settings_of(job: RolloutJob) -> EngineSettings:
    """Returns how a job is sampled: its preset, gate and precision, and what the scenario gives in their place."""
    settings = replace(
        settings_named(job.preset),
        gate_attempts=job.gate,
        precision=job.precision,
        frames_precision=job.frames_precision,
    )
    return settings.with_sampling(job.scenario.sampling)


def deciding_checkpoints(checkpoints: CheckpointSet, gate: int, settings: EngineSettings) -> dict[str, str]:
    """Returns the sha256 of each checkpoint that decides pictures.

    With a gate the vehicle detector is one of them. Students are, if they are sampled.

    Raises:
        CheckpointError: there is a gate but no vehicle detector, or the file of a student is missing or damaged.
    """
    idle = {VEHICLE_DETECTOR, *TEACHER_OF} - set(sampled_students(settings, checkpoints).values())
    roles = [role for role in checkpoints.roles if role not in idle]
    return checkpoints.digests([*roles, VEHICLE_DETECTOR] if gate > 1 else roles)


def identity_inputs(job: RolloutJob, checkpoints: CheckpointSet) -> dict[str, Any]:
    """Returns everything that decides the bytes of the archive."""
    settings = heeded_settings(settings_of(job), checkpoints)
    return {
        "scenario": _decided_by_scenario(job),
        "settings": settings.canonical(),
        "checkpoints": deciding_checkpoints(checkpoints, job.gate, settings),
        "engine": drivesim.COMPUTATION_VERSION,
        "device": job.device,
        "threads": job.threads,
    }


def _decided_by_scenario(job: RolloutJob) -> dict[str, Any]:
    """Returns what the scenario decides. If latents are taken from an archive, its real frames need not be there."""
    if job.latents is not None and job.scenario.real_frames:
        archived: dict[str, Any] = open_archive(job.latents).manifest.inputs["scenario"]
        return archived
    scenario = {**job.scenario.canonical(), "seed": job.seed}
    if job.scenario.first_frame is not None:
        scenario["first_frame"] = _sha256(read_real_frame(job.scenario.first_frame, job.scenario.fit))
    if job.scenario.context_frames is not None:
        frames = [read_real_frame(frame, job.scenario.fit) for frame in job.scenario.context_frames]
        scenario["context_frames"] = list(map(_sha256, frames))
    return scenario


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that the bits may depend on."""
    return {"drivesim": drivesim.__version__, "torch": torch.__version__, "numpy": np.__version__}


def source_archive(job: RolloutJob, checkpoints: CheckpointSet) -> Archive:
    """Opens the archive whose latents a job renders.

    Raises:
        InputError: it was made by another run, or by other checkpoints.
        ArchiveError: it is damaged.
        ValueError: the job renders no archive.
    """
    if job.latents is None:
        raise ValueError(f"{job.scenario.name}: this job takes no latents from an archive")
    source = open_archive(job.latents)
    job = replace(job, frames_precision=source.manifest.inputs.get("settings", {}).get("frames_precision"))
    source.require_sound()
    source.manifest.require_same_run(Manifest.create(identity_inputs(job, checkpoints), source.layout, {}), source.path)
    return source


def _complete(source: Archive) -> Archive:
    if not source.complete:
        raise InputError(f"{source.path}: is not complete; finish it with the command that began it")
    return source


def _start(writer: ArchiveWriter, future: int, source: Archive | None) -> FutureStart:
    window = writer.committed_windows(future)
    known: tuple[Predicted, ...] = ()
    if source is not None:
        rollout = source.rollouts[future]
        gates = (labels.get("gate") for labels in rollout.labels[window:])
        known = tuple(map(Predicted, rollout.latents[window:], gates))
    return FutureStart(future, window, writer.latents(future, window - 1) if window else None, known)


def _commit(writer: ArchiveWriter, made: Window, timeline: Timeline) -> Committed:
    frames = timeline.frames(made.index)
    labels: dict[str, Any] = {
        "first_frame": frames.start,
        "num_frames": len(frames),
        "time_s": frames.start / timeline.fps,
    }
    if made.gate is not None:
        labels["gate"] = made.gate
    writer.commit(made.future, made.index, made.keyframe_latents, made.frames, labels)
    return Committed(made.future, made.index, len(frames))


def _preview(job: RolloutJob, future: int) -> Iterator[PreviewWritten]:
    """Writes the video and the poster of a complete future if they are missing or show an earlier archive."""
    video, poster = job.previews_of(future)
    if not _shows(video, job, [future]):
        write_preview(open_archive(job.archive_path), future, video, job.crf)
        yield PreviewWritten(video, future)
    if not _shows(poster, job, [future]):
        write_poster(open_archive(job.archive_path), future, poster)
        yield PreviewWritten(poster, future)


def _contact_sheet(job: RolloutJob) -> Iterator[PreviewWritten]:
    path = job.contact_sheet
    if not _shows(path, job, range(job.futures)):
        write_contact_sheet(open_archive(job.archive_path), path)
        yield PreviewWritten(path, None)


def _shows(preview: Path, job: RolloutJob, futures: Iterable[int]) -> bool:
    """Returns whether a whole preview exists that was written after the last commit of these futures."""
    heads = (job.archive_path / rollout_folder(future) / HEAD_FILE for future in futures)
    return is_whole_preview(preview) and all(preview.stat().st_mtime_ns >= head.stat().st_mtime_ns for head in heads)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.unwritable(folder, error, "cannot be made") from error


def _layout(job: RolloutJob, checkpoints: CheckpointSet, timeline: Timeline) -> ArchiveLayout:
    return ArchiveLayout(
        num_futures=job.futures,
        num_frames=timeline.num_frames,
        frames_per_window=timeline.frames_per_window,
        keyframes_per_window=timeline.video.keyframes_per_window,
        frame_shape=frame_shape(checkpoints),
        latent_shape=latent_shape(checkpoints),
        fps=timeline.fps,
        keyframe_fps=timeline.video.keyframe_fps,
        frames=job.frame_storage,
    )


def _provenance(job: RolloutJob, checkpoints: CheckpointSet) -> dict[str, Any]:
    """Returns what an archive says about its origin: the same for equal scenarios and pictures in any folder."""
    students = sampled_students(settings_of(job), checkpoints)
    scenario = job.scenario.model_dump(mode="json")
    if job.scenario.first_frame is not None:
        scenario["first_frame"] = Path(job.scenario.first_frame).name
    if job.scenario.context_frames is not None:
        scenario["context_frames"] = [Path(frame).name for frame in job.scenario.context_frames]
    return {
        "scenario": scenario,
        "preset": job.preset,
        **({"students": students} if students else {}),
        "models": checkpoints.preset.name,
        "versions": {"python": platform.python_version(), **library_versions()},
    }


def _sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
