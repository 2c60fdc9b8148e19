"""Tiny archives with known content, and what tests do with them.

`make soak` runs the fault tests of this folder many times over, each round with other faults, and sums them up.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import ArchiveLayout, ArchiveWriter

INPUTS = {"scenario": {"name": "tiny", "seed": 7}, "checkpoints": {"image": "ab" * 32}, "engine": "0.1.0"}
TALLY = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=int, default=1, help="rounds of the fault tests")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`soak_round` counts the rounds; without --soak there is one, round 0."""
    if "soak_round" in metafunc.fixturenames:
        metafunc.parametrize("soak_round", range(metafunc.config.getoption("soak", default=1)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally and config.getoption("soak", default=1) > 1:
        failed = len(terminalreporter.stats.get("failed", []))
        faults = ", ".join(f"{count} {fault}" for fault, count in sorted(tally.items()))
        terminalreporter.write_line(f"soak: {faults}; {failed} tests failed")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Counter[str]:
    """Faults that were injected so far, of each kind."""
    return request.config.stash.setdefault(TALLY, Counter())


@dataclass(frozen=True)
class KnownRollouts:
    """Archives whose content depends on nothing but the indices of future and window."""

    layout: ArchiveLayout
    inputs: dict = dataclasses.field(default_factory=lambda: INPUTS)

    def open(self, path: Path, **changes: object) -> ArchiveWriter:
        """A writer; `changes` replace identity inputs."""
        return ArchiveWriter.open(path, {**self.inputs, **changes}, self.layout, {"made_by": "test"})

    def window(self, future: int, index: int) -> tuple[np.ndarray, np.ndarray, dict]:
        """What is committed: latents, frames and labels."""
        rng = np.random.default_rng([future, index])
        latents = rng.normal(size=self.layout.latent_chunk_shape[1:]).astype(np.float32)
        frames = rng.integers(0, 256, (len(self.layout.frame_range(index)), *self.layout.frame_shape), np.uint8)
        return latents, frames, {"window": index, "mean": float(latents.mean())}

    def write(self, path: Path, stop_after: int | None = None) -> None:
        """Start or continue; as for an engine, the latents of the window before must be what they were."""
        with self.open(path) as writer:
            written = 0
            for future in range(self.layout.num_futures):
                for index in range(writer.committed_windows(future), self.layout.num_windows):
                    if index:
                        before = self.window(future, index - 1)[0]
                        np.testing.assert_array_equal(writer.latents(future, index - 1), before)
                    writer.commit(future, index, *self.window(future, index))
                    written += 1
                    if written == stop_after:
                        return

    def whole(self, future: int) -> tuple[np.ndarray, np.ndarray]:
        """All latents (window, t, c, h, w) and all frames (t, h, w, c) of a future."""
        parts = [self.window(future, index) for index in range(self.layout.num_windows)]
        return np.stack([latents for latents, _, _ in parts]), np.concatenate([frames for _, frames, _ in parts])

    @staticmethod
    def tree(path: Path) -> dict[str, str]:
        """Path -> sha256 of every file below a folder, and "folder" of every folder."""
        return {
            str(entry.relative_to(path)): "folder" if entry.is_dir() else hashlib.sha256(entry.read_bytes()).hexdigest()
            for entry in sorted(path.rglob("*"))
        }


@pytest.fixture(scope="session")
def tiny() -> KnownRollouts:
    """Two futures of 20 frames, 16x32, in three windows of 8, 8 and 4."""
    return KnownRollouts(
        ArchiveLayout(
            num_futures=2,
            num_frames=20,
            frames_per_window=8,
            keyframes_per_window=3,
            frame_shape=(16, 32, 3),
            latent_shape=(4, 2, 4),
            fps=10,
            keyframe_fps=2.5,
        )
    )


@pytest.fixture(scope="session")
def tiniest(tiny: KnownRollouts) -> KnownRollouts:
    """One future of two windows, the second one short: a chunk of frames each."""
    layout = dataclasses.replace(tiny.layout, num_futures=1, num_frames=6, frames_per_window=4)
    return KnownRollouts(layout)
