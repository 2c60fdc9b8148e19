"""The layout of an archive: how many futures, windows, frames and latents it holds, and in which chunks."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from drivesim.errors import InputError

FRAMES_PER_CHUNK = 4  # of 512x1024: 6 MB decoded, so that a reader that scrubs stays fast and small
MAX_FUTURES = 9_999
MAX_FRAMES = 10_000_000
MAX_SIDE = 16_384
MAX_CHUNK_BYTES = 2**30
STORED_FRAMES = ("lossless", "none")


@dataclass(frozen=True)
class ArchiveLayout:
    """Shapes and rates of every future of an archive.

    Attributes:
        num_futures: Number of futures.
        num_frames: Frames per future.
        frames_per_window: Frames per window; the last window of a future may hold fewer.
        keyframes_per_window: Latents per window, of the last one too.
        frame_shape: (h, w, 3); frames are uint8 RGB.
        latent_shape: (c, h, w); latents are float32.
        fps: Frames per second.
        keyframe_fps: Keyframes per second.
        frames: "lossless", or "none" to keep the latents alone, from which the same frames can be rendered again.

    Raises:
        InputError: A value is out of range.
    """

    num_futures: int
    num_frames: int
    frames_per_window: int
    keyframes_per_window: int
    frame_shape: tuple[int, int, int]
    latent_shape: tuple[int, int, int]
    fps: float
    keyframe_fps: float
    frames: str = "lossless"

    def __post_init__(self) -> None:
        for name, limit in (
            ("num_futures", MAX_FUTURES),
            ("num_frames", MAX_FRAMES),
            ("frames_per_window", MAX_FRAMES),
            ("keyframes_per_window", MAX_FRAMES),
        ):
            _require_count(name, getattr(self, name), limit)
        for name in ("frame_shape", "latent_shape"):
            shape = getattr(self, name)
            if not isinstance(shape, (tuple, list)) or len(shape) != 3:
                raise InputError(f"archive layout: {name} has three sizes, not {shape!r}")
            for size in shape:
                _require_count(name, size, MAX_SIDE)
            object.__setattr__(self, name, tuple(shape))
        if self.frame_shape[2] != 3:
            raise InputError(f"archive layout: frames are RGB (h, w, 3), not {self.frame_shape}")
        for name in ("fps", "keyframe_fps"):
            rate = getattr(self, name)
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= 1000:
                raise InputError(f"archive layout: {name} is a number over 0 and up to 1000, not {rate!r}")
            object.__setattr__(self, name, float(rate))
        if self.frames not in STORED_FRAMES:
            raise InputError(f"archive layout: frames are {' or '.join(STORED_FRAMES)}, not {self.frames!r}")
        largest = max(math.prod(self.frame_chunk_shape), 4 * math.prod(self.latent_chunk_shape))
        if largest > MAX_CHUNK_BYTES:
            raise InputError(f"archive layout: a chunk of {largest} bytes is over the limit of {MAX_CHUNK_BYTES}")

    @property
    def keeps_frames(self) -> bool:
        """Whether frames are stored beside the latents."""
        return self.frames == "lossless"

    @property
    def num_windows(self) -> int:
        """Number of windows per future."""
        return -(-self.num_frames // self.frames_per_window)

    @property
    def frames_per_chunk(self) -> int:
        """The largest divisor of `frames_per_window` up to FRAMES_PER_CHUNK, so that no chunk crosses a window."""
        return max(n for n in range(1, FRAMES_PER_CHUNK + 1) if self.frames_per_window % n == 0)

    @property
    def frame_chunk_shape(self) -> tuple[int, int, int, int]:
        """(t, h, w, c) of a chunk of frames."""
        return (self.frames_per_chunk, *self.frame_shape)

    @property
    def latent_chunk_shape(self) -> tuple[int, int, int, int, int]:
        """(1, t, c, h, w): one window of latents is one chunk."""
        return (1, self.keyframes_per_window, *self.latent_shape)

    def frame_range(self, window: int) -> range:
        """Returns the frames of a window, counted from the start of the future."""
        start = window * self.frames_per_window
        return range(start, min(start + self.frames_per_window, self.num_frames))

    def frame_chunks(self, window: int) -> range:
        """Returns the chunks of frames of a window that are stored, counted from the start of the future."""
        if not self.keeps_frames:
            return range(0)
        frames = self.frame_range(window)
        return range(frames.start // self.frames_per_chunk, -(-frames.stop // self.frames_per_chunk))

    def committed_frames(self, num_windows: int) -> int:
        """Returns the number of frames in the first `num_windows` windows of a future."""
        return min(num_windows * self.frames_per_window, self.num_frames)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON; `frames` is left out where frames are stored, as in format 1."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}
        if self.keeps_frames:
            del values["frames"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ArchiveLayout:
        """Returns the layout that `to_dict` described; raises InputError for anything else."""
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or set(values) | {"frames"} != names:
            raise InputError(f"archive layout: expected the fields {sorted(names)}")
        return cls(**values)


def _require_count(name: str, value: object, limit: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise InputError(f"archive layout: {name} is a whole number from 1 to {limit}, not {value!r}")
