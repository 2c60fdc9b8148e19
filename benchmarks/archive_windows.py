"""What writing and reading the windows of an archive costs: CPU seconds and wall-clock seconds per window.

python benchmarks/archive_windows.py [--windows 8] [--rounds 3]

No model runs: the frames are a moving gradient with grain, of the size and about the compressibility of a rollout's
(16 frames of 512x1024 per window). CPU seconds are those of all threads of this process. Every round writes a new
archive; the median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from drivesim.archive import ArchiveLayout, ArchiveWriter, check_archive, open_archive

FRAMES_PER_WINDOW = 16


def layout_of(num_windows: int) -> ArchiveLayout:
    """One future of this many windows, with the shapes of the default checkpoints."""
    return ArchiveLayout(
        num_futures=1,
        num_frames=num_windows * FRAMES_PER_WINDOW,
        frames_per_window=FRAMES_PER_WINDOW,
        keyframes_per_window=4,
        frame_shape=(512, 1024, 3),
        latent_shape=(24, 16, 32),
        fps=10,
        keyframe_fps=2.5,
    )


def window_of(layout: ArchiveLayout, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents and frames; the same in every run."""
    rng = np.random.default_rng(window)
    latents = rng.normal(size=layout.latent_chunk_shape[1:]).astype(np.float32)
    time_step, row, column, channel = np.ogrid[:FRAMES_PER_WINDOW, :512, :1024, :3]
    smooth = 96 + 64 * np.sin((row + 3 * time_step) / 90) + 32 * np.cos((column + channel) / 70)
    grain = rng.normal(scale=1.5, size=(FRAMES_PER_WINDOW, 512, 1024, 1))
    return latents, np.clip(smooth + grain, 0, 255).astype(np.uint8)


def seconds_of(function: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall-clock seconds of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - cpu, time.perf_counter() - wall


def one_round(
    layout: ArchiveLayout, windows: list[tuple[np.ndarray, np.ndarray]], path: Path
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Creates, writes, resumes, reads and checks one archive; yields (what, (CPU seconds, wall-clock seconds))."""

    def create() -> None:
        ArchiveWriter.open(path, {"benchmark": 1}, layout, {}).close()

    def write() -> None:
        with ArchiveWriter.open(path, {"benchmark": 1}, layout, {}) as writer:
            for index, (latents, frames) in enumerate(windows):
                writer.commit(0, index, latents, frames, {})

    yield "create an archive", seconds_of(create)
    yield "write a window", tuple(value / len(windows) for value in seconds_of(write))
    rollout = open_archive(path).rollouts[0]
    yield "read a window", tuple(value / len(windows) for value in seconds_of(lambda: sum(1 for _ in rollout.frames)))
    yield "check a window", tuple(value / len(windows) for value in seconds_of(lambda: check_archive(path, True)))


def main() -> None:
    """Parses arguments, measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    layout = layout_of(arguments.windows)
    windows = [window_of(layout, index) for index in range(arguments.windows)]
    measured: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number in range(arguments.rounds):
            path = Path(name) / f"{number}.zarr"
            for what, seconds in one_round(layout, windows, path):
                measured.setdefault(what, []).append(seconds)
        size = sum(file.stat().st_size for file in path.rglob("c.*")) / arguments.windows
    table = Table("", "CPU s", "wall-clock s", title=f"windows of {size / 1e6:.1f} MB")
    for what, rounds in measured.items():
        table.add_row(what, *(f"{statistics.median(values):.3f}" for values in zip(*rounds, strict=True)))
    Console().print(table)


if __name__ == "__main__":
    main()
