"""A rollout job: engine and archive joined. Running it again continues where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivesim import durable
from drivesim.archive import Archive, ArchiveLayout, ArchiveWriter, open_archive
from drivesim.archive.format.identity import Manifest
from drivesim.archive.format.names import HEAD_FILE, rollout_folder
from drivesim.archive.previews import is_whole_preview, write_contact_sheet, write_poster, write_preview
from drivesim.engine import (
    Engine,
    FutureStart,
    Predicted,
    Progress,
    Timeline,
    Window,
    frame_shape,
    latent_shape,
    layout_to_obey,
)
from drivesim.errors import InputError
from drivesim.models.checkpoints import CheckpointSet
from drivesim.rollout.identity import identity_inputs, provenance, settings_of, verified_checkpoints
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.workers import WorkerSpec, windows_from_workers
from drivesim.wording import counted


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
        job.archive_path, identity_inputs(job, checkpoints), layout, provenance(job, checkpoints)
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
