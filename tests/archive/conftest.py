"""Tiny archives with known content: two futures of 20 frames, 16x32, in three windows of 8, 8 and 4."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drivesim.archive import ArchiveLayout, ArchiveWriter

LAYOUT = ArchiveLayout(
    num_futures=2,
    num_frames=20,
    frames_per_window=8,
    keyframes_per_window=3,
    frame_shape=(16, 32, 3),
    latent_shape=(4, 2, 4),
    fps=10,
    keyframe_fps=2.5,
)
INPUTS = {"scenario": {"name": "tiny", "seed": 7}, "checkpoints": {"image": "ab" * 32}, "engine": "0.1.0"}


@pytest.fixture()
def folder() -> Iterator[Path]:
    """An empty folder in memory where the system has one: these tests sync files thousands of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """The content of the tiny archives, and what tests do with them."""
    return SimpleNamespace(
        layout=LAYOUT,
        inputs=INPUTS,
        open=open_writer,
        window=window,
        write=write_rollouts,
        whole=whole_future,
        tree=tree_digest,
    )


def open_writer(path: Path, **changes: object) -> ArchiveWriter:
    return ArchiveWriter.open(path, {**INPUTS, **changes}, LAYOUT, {"made_by": "test"})


def window(future: int, index: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """Latents, frames and labels that depend on nothing but the indices."""
    rng = np.random.default_rng([future, index])
    latents = rng.normal(size=LAYOUT.latent_chunk_shape[1:]).astype(np.float32)
    frames = rng.integers(0, 256, (len(LAYOUT.frame_range(index)), *LAYOUT.frame_shape), np.uint8)
    return latents, frames, {"window": index, "mean": float(latents.mean())}


def write_rollouts(path: Path, stop_after: int | None = None) -> None:
    """Start or continue; the latents of the window before must be what they were, as an engine needs them."""
    with open_writer(path) as writer:
        written = 0
        for future in range(LAYOUT.num_futures):
            for index in range(writer.committed_windows(future), LAYOUT.num_windows):
                if index:
                    np.testing.assert_array_equal(writer.latents(future, index - 1), window(future, index - 1)[0])
                writer.commit(future, index, *window(future, index))
                written += 1
                if written == stop_after:
                    return


def whole_future(future: int) -> tuple[np.ndarray, np.ndarray]:
    """All latents (window, t, c, h, w) and all frames (t, h, w, c) of a future."""
    parts = [window(future, index) for index in range(LAYOUT.num_windows)]
    return np.stack([latents for latents, _, _ in parts]), np.concatenate([frames for _, frames, _ in parts])


def tree_digest(path: Path) -> dict[str, str]:
    """Path -> sha256 of every file below a folder, and "folder" of every folder."""
    return {
        str(entry.relative_to(path)): "folder" if entry.is_dir() else hashlib.sha256(entry.read_bytes()).hexdigest()
        for entry in sorted(path.rglob("*"))
    }
