"""Which keyframes, gaps and frames a window holds.

Keyframes are counted from 0 over a whole future; gap `g` lies between keyframes `g` and `g + 1` and makes the frames
from its left keyframe up to, not including, its right one. Window `w` holds the keyframes from `w * gaps_per_window`
on, of which the first `context_frames` are the last ones of the window before, and makes the frames of its first
`gaps_per_window` gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivesim.errors import InputError
from drivesim.models.presets import VideoFormat


@dataclass(frozen=True)
class Timeline:
    """The frames and windows of a future of `duration_s` seconds after `interpolation_passes` passes.

    Raises:
        InputError: the duration is less than one frame.
    """

    video: VideoFormat
    interpolation_passes: int
    duration_s: float

    def __post_init__(self) -> None:
        if self.video.context_frames != 2:
            raise ValueError(f"windows overlap by 2 context frames, got {self.video.context_frames}")
        if self.num_frames < 1:
            raise InputError(f"duration_s: {self.duration_s} s is less than one frame at {self.fps} frames per second")

    @property
    def frames_per_gap(self) -> int:
        """Number of frames that a gap makes."""
        return int(self.video.interpolation_factor**self.interpolation_passes)

    @property
    def fps(self) -> float:
        """Frames per second of the output."""
        return self.video.keyframe_fps * self.frames_per_gap

    @property
    def frames_per_window(self) -> int:
        """Number of frames that a window adds to a future."""
        return self.video.gaps_per_window * self.frames_per_gap

    @property
    def num_frames(self) -> int:
        """Number of frames of the future."""
        return round(self.duration_s * self.fps)

    @property
    def num_windows(self) -> int:
        """Number of windows of the future; the last one may be shorter than the others."""
        return -(-self.num_frames // self.frames_per_window)

    def first_keyframe(self, window: int) -> int:
        """Number of the first keyframe of a window, which is also the number of its first gap."""
        return window * self.video.gaps_per_window

    def keyframe_times(self, window: int) -> list[float]:
        """Times of the keyframes of a window, in seconds from the first frame."""
        first = self.first_keyframe(window)
        return [(first + i) / self.video.keyframe_fps for i in range(self.video.keyframes_per_window)]

    def clip_times(self, pass_: int, gaps: range) -> list[list[float]]:
        """Times of the frames of gaps, both ends included, in seconds from the first frame; pass 0 is the first."""
        factor = self.video.interpolation_factor
        rate = self.video.keyframe_fps * factor ** (pass_ + 1)
        return [[(gap * factor + i) / rate for i in range(factor + 1)] for gap in gaps]

    def frames(self, window: int) -> range:
        """The numbers of the frames of a window, counted over the future."""
        start = window * self.frames_per_window
        return range(start, min(start + self.frames_per_window, self.num_frames))
