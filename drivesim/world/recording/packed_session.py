"""Sessions that record worlds straight into packed footage, without writing and decoding a video.

    stills = PackedRecording(Recipe.single_frames(), ((512, 1024), (256, 512), (128, 256)), first_seed=0)
    clips = PackedRecording(Recipe.clip(fps=10), ((512, 1024), (128, 256)), first_seed=5_000_000)
    with recording(PackedRecordSession(Path("data"), (stills, clips), num_workers=8)) as workers:
        ...                                   # train; `footage.refreshed()` adds new shards
        for shard in workers.reports():       # does not wait; raises the error of a worker
            ...

Each frame is rendered once, at the recipe's size, and shrunk by area. A shard holds the worlds of a fixed range of
seeds, and is either complete or missing, so after a kill the same session continues with the first missing shard. Any
number of workers and sessions share the work, because each claims the shard that it records.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drivesim.data.packed import packed_folder
from drivesim.data.packing import fitted
from drivesim.data.publishing import Claim, sweep
from drivesim.data.shards.shard import recording_digest, shard_names
from drivesim.data.shards.shard_writer import ShardWriter
from drivesim.errors import FootageError, LockHeldError
from drivesim.world.recording.recorder import Recipe, drive, log_name
from drivesim.world.recording.workers import RecordWorkers, parent_is_alive
from drivesim.world.rendering.renderer import Renderer

_FRAMES_PER_SHARD = 256
_POLL_S = 0.5


@dataclass(frozen=True)
class PackedRecording:
    """One kind of footage: stills, clips or fast clips, as the recipe says, at several sizes.

    Attributes:
        recipe: What one log holds. Frames are rendered at its size.
        sizes: Heights and widths to which frames are shrunk; they have the proportions of the recipe's size.
        first_seed: First seed; it is rounded down to whole shards.
        supersample: Factor of the size at which frames are drawn before they are shrunk to the recipe's size.

    Raises:
        FootageError: A size does not have the proportions of the recipe's, or is larger.
    """

    recipe: Recipe
    sizes: tuple[tuple[int, int], ...]
    first_seed: int = 0
    supersample: int = 1

    def __post_init__(self) -> None:
        recipe = self.recipe
        for height, width in self.sizes:
            if height > recipe.height or height * recipe.width != width * recipe.height:
                raise FootageError(
                    f"packed frames of {height}x{width} cannot be shrunk from {recipe.height}x{recipe.width}: give "
                    "sizes of the same proportions, none larger than the recipe's"
                )
        if not self.sizes or self.first_seed < 0:
            raise FootageError("a packed recording needs a size and a first seed that is not negative")

    @property
    def logs_per_shard(self) -> int:
        """Number of worlds in each shard, which together have about 256 frames."""
        return max(1, _FRAMES_PER_SHARD // self.recipe.num_frames)

    @property
    def frames_per_shard(self) -> int:
        return self.logs_per_shard * self.recipe.num_frames

    def settings(self) -> dict[str, Any]:
        """Returns everything that its frames depend on, except seed and size."""
        return {"world": asdict(self.recipe), "supersample": self.supersample, "logs": self.logs_per_shard}

    def shard_name(self, number: int) -> str:
        """Returns the name of the shard that begins with the seed `number * logs_per_shard`."""
        kind = "stills" if self.recipe.stills else f"{self.recipe.fps:g}fps"
        seed = number * self.logs_per_shard
        return f"world-{kind}-{recording_digest(self.settings())}-{seed:010d}"


@dataclass(frozen=True)
class PackedRecordSession:
    """What to record under a data folder: one shard of each recording in turn.

    Attributes:
        folder: The data folder.
        recordings: The kinds of footage.
        num_logs: Number of logs of each recording, rounded up to whole shards. If both this and `minutes` are None, the
            session continues until it is stopped.
        minutes: Duration of the session; a shard that has been started is finished.
        num_workers: Number of processes.

    Raises:
        FootageError: A number is not positive.
    """

    folder: Path
    recordings: tuple[PackedRecording, ...]
    num_logs: int | None = None
    minutes: float | None = None
    num_workers: int = 2

    def __post_init__(self) -> None:
        numbers = (len(self.recordings), self.num_workers, self.num_logs, self.minutes)
        if not all(number is None or number > 0 for number in numbers):
            raise FootageError("recordings, workers, logs and minutes must be positive")

    def shards(self) -> Iterator[tuple[PackedRecording, int]]:
        """Yields all shards to record, in order: a recording, and the number of its shard."""
        for step in itertools.count():
            left = False
            for recording in self.recordings:
                if self.num_logs is None or step * recording.logs_per_shard < self.num_logs:
                    yield recording, recording.first_seed // recording.logs_per_shard + step
                    left = True
            if not left:
                return

    def is_finished(self) -> bool:
        """Returns whether all shards are complete, which is never so without `num_logs`."""
        return self.num_logs is not None and not any(self.missing_sizes(*shard) for shard in self.shards())

    def folder_of(self, size: tuple[int, int]) -> Path:
        """Returns the folder of the shards of a size."""
        return packed_folder(self.folder, *size)

    def missing_sizes(self, recording: PackedRecording, number: int) -> list[tuple[int, int]]:
        """Returns the sizes at which a shard is missing."""
        name = recording.shard_name(number)
        return [size for size in recording.sizes if not (self.folder_of(size) / name).is_dir()]


@dataclass(frozen=True)
class ShardRecorded:
    """One shard is complete at all its sizes."""

    name: str
    num_logs: int
    num_frames: int
    """Number of rendered frames, each of which is stored at every size."""


@contextmanager
def recording(session: PackedRecordSession) -> Iterator[RecordWorkers]:
    """Starts the workers of a session and stops them at the end; their reports are `ShardRecorded`, for new shards.

    Complete shards stay whatever happens.

    Raises:
        FootageWriteError: Footage cannot be written, for instance because the disk is full.
        DrivesimError: A worker failed.
    """
    deadline = None if session.minutes is None else time.monotonic() + 60 * session.minutes
    folders = {session.folder_of(size) for kind in session.recordings for size in kind.sizes}
    try:
        for folder in folders:
            sweep(folder)
        num_workers = 0 if session.is_finished() else session.num_workers
        with RecordWorkers(record_shards, (session, deadline), num_workers) as workers:
            yield workers
    finally:
        for folder in folders:
            sweep(folder)


def existing_shards(session: PackedRecordSession) -> list[ShardRecorded]:
    """Returns the complete shards of a session."""
    names = {size: set(shard_names(session.folder_of(size))) for r in session.recordings for size in r.sizes}
    found = []
    for kind, number in session.shards():
        name = kind.shard_name(number)
        if all(name in names[size] for size in kind.sizes):
            found.append(ShardRecorded(name, kind.logs_per_shard, kind.frames_per_shard))
        elif session.num_logs is None:
            break
    return found


def record_shards(number: int, session: PackedRecordSession, deadline: float | None) -> Iterator[ShardRecorded]:
    """Does the work of one process: it records each missing shard of the session that no other process is recording.

    At the end it waits for the shards of other processes, and takes over from a process that dies.
    """
    import cv2

    cv2.setNumThreads(1)
    renderers = _Renderers()
    tasks: Iterable[tuple[PackedRecording, int]] = session.shards()
    while True:
        held = []
        for kind, shard in tasks:
            if (deadline is not None and time.monotonic() >= deadline) or not parent_is_alive():
                return
            if session.missing_sizes(kind, shard):
                try:
                    report = _record_shard(session, kind, shard, renderers)
                except LockHeldError:
                    held.append((kind, shard))
                    continue
                if report is not None:
                    yield report
        if not held:
            return
        tasks = held
        time.sleep(_POLL_S)


def _record_shard(
    session: PackedRecordSession, kind: PackedRecording, number: int, renderers: _Renderers
) -> ShardRecorded | None:
    """Records one shard at the sizes that are missing; returns None if another process has done so by now.

    Raises:
        LockHeldError: Another process is recording the shard.
        FootageWriteError: The shard cannot be written.
    """
    name, first_seed = kind.shard_name(number), number * kind.logs_per_shard
    with ExitStack() as stack:
        claims = {
            size: stack.enter_context(Claim.acquire(session.folder_of(size) / name))
            for size in session.missing_sizes(kind, number)
        }
        missing = session.missing_sizes(kind, number)
        writers = [ShardWriter(claims[size].start(), *size) for size in missing]
        if not writers:
            return None
        for seed in range(first_seed, first_seed + kind.logs_per_shard):
            if not parent_is_alive():
                return None
            header, frames = drive(seed, kind.recipe, renderers.of(kind))
            with ExitStack() as logs:
                sinks = [logs.enter_context(writer.log(log_name(seed), header)) for writer in writers]
                for frame, label in frames:
                    for sink, size in zip(sinks, missing, strict=True):
                        sink(fitted(frame, *size), label)
        for size, writer in zip(missing, writers, strict=True):
            writer.finish(recording={**kind.settings(), "first_seed": first_seed})
            claims[size].publish()
    return ShardRecorded(name, kind.logs_per_shard, kind.frames_per_shard)


class _Renderers:
    """One renderer for each size, which is kept."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, int], Renderer] = {}

    def of(self, kind: PackedRecording) -> Renderer:
        """Returns the renderer for a recording."""
        size = (kind.recipe.width, kind.recipe.height, kind.supersample)
        if size not in self._made:
            self._made[size] = Renderer(*size)
        return self._made[size]
