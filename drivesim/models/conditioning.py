"""What a model may be conditioned on: one record whose kinds can be dropped one by one.

Training drop-out, classifier-free guidance and context guidance (Video LDM, Eq. 4) are all this `drop`. A kind is
None where absent; within a batch, each sample marks what it knows with a mask or with the index `UNKNOWN`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

UNKNOWN = -1


@dataclass(frozen=True)
class BoxLayout:
    """The vehicles of each frame.

    Attributes:
        xyxy: Boxes `b t n 4` in 0..1 of the frame.
        category: Category of each box, `b t n`; `UNKNOWN` for padding.
        known: Whether the layout of a sample is known, `b`.
    """

    xyxy: Tensor
    category: Tensor
    known: Tensor


@dataclass(frozen=True)
class BoxHeadings:
    """Which way the vehicles of a `BoxLayout` point.

    Attributes:
        angle_rad: Angle from the line of sight to where the vehicle points, `b t n`: 0 if it shows its rear, ±π if it
            shows its front, π/2 if it points to the left; NaN if unknown.
        known: Whether the headings of a sample are known, `b`.
    """

    angle_rad: Tensor
    known: Tensor


@dataclass(frozen=True)
class BoxColours:
    """The colours of the vehicles of a `BoxLayout`.

    Attributes:
        index: Position in `COLOURS`, `b t n`, or `UNKNOWN`.
        known: Whether the colours of a sample are known, `b`.
    """

    index: Tensor
    known: Tensor


@dataclass(frozen=True)
class RoadLayout:
    """The road in view in each frame.

    Attributes:
        coverage: How much of each cell of a map each of `ROAD_KINDS` covers, uint8 `b t kinds rows columns`, 255 for
            all of it (`road_raster.draw_road`).
        known: Whether the road of a sample is known, `b`.
    """

    coverage: Tensor
    known: Tensor


@dataclass(frozen=True)
class EgoMotion:
    """How the ego vehicle moves.

    Attributes:
        values: Speed in m/s and yaw rate in rad/s (left is positive) in each frame, `b t 2`.
        known: Whether the motion of a sample is known, `b`.
    """

    values: Tensor
    known: Tensor


@dataclass(frozen=True)
class ContextFrames:
    """Known frames among those to be made (Video LDM, Sec. 3.2).

    Attributes:
        latents: Latents of all frames, `b t c h w`; those of unknown frames have no effect.
        mask: Whether a frame is known, `b t`.
        noise: Standard deviation of the noise on the latents, `b`; None for latents without noise.
    """

    latents: Tensor
    mask: Tensor
    noise: Tensor | None = None


@dataclass(frozen=True)
class LowResolution:
    """The frames to enlarge (Video LDM, Eq. 5).

    Attributes:
        frames: Noisy frames `b t 3 h w` in -1..1.
        tau: Their noise level as a diffusion time, `b`.
    """

    frames: Tensor
    tau: Tensor


@dataclass(frozen=True)
class Conditioning:
    """All conditions of a batch of `b` samples; a kind is None where no sample has it.

    Attributes:
        boxes: The vehicles of each frame.
        box_headings: Which way the vehicles of `boxes` point.
        box_colours: The colours of the vehicles of `boxes`.
        road: The road in view in each frame.
        time_of_day: Position in `TIMES_OF_DAY` or `UNKNOWN`, `b`.
        crowdedness: Number of vehicles in view or `UNKNOWN`, `b`.
        ego_motion: How the ego vehicle moves.
        context: The frames that are known.
        frame_rate: Regime of the interpolation model: 0 for T→4T, 1 for 4T→16T, or `UNKNOWN`, `b`.
        low_res: The frames to enlarge.
    """

    boxes: BoxLayout | None = None
    box_headings: BoxHeadings | None = None
    box_colours: BoxColours | None = None
    road: RoadLayout | None = None
    time_of_day: Tensor | None = None
    crowdedness: Tensor | None = None
    ego_motion: EgoMotion | None = None
    context: ContextFrames | None = None
    frame_rate: Tensor | None = None
    low_res: LowResolution | None = None

    def drop(self, *names: str) -> Conditioning:
        """Returns the same conditions without those named. Raises ValueError for a name that is no condition."""
        unknown = set(names) - {field.name for field in fields(self)}
        if unknown:
            raise ValueError(f"no condition called {sorted(unknown)}")
        kept: dict[str, Any] = dict.fromkeys(names)
        return replace(self, **kept)

    def drop_randomly(self, rates: dict[str, float], generator: torch.Generator, together: float = 0.0) -> Conditioning:
        """Forgets kinds of conditions at random, for each sample on its own.

        Args:
            rates: The probability with which each kind is forgotten.
            generator: Source of randomness, on the CPU.
            together: Probability with which a sample forgets all these kinds at once.
        """
        changed: dict[str, Any] = {}
        all_kept: Tensor | None = None
        for name, rate in rates.items():
            value = getattr(self, name)
            if value is None:
                continue
            size = (value.mask if isinstance(value, ContextFrames) else getattr(value, "known", value)).shape[0]
            if all_kept is None:
                all_kept = torch.rand(size, generator=generator) >= together
            keep = torch.rand(size, generator=generator) >= rate
            changed[name] = _masked(value, keep & all_kept)
        return replace(self, **changed)

    def first_frames(self, count: int) -> Conditioning:
        """Returns the conditions of the first `count` frames of each sample."""
        return replace(self, **{f.name: _first_frames(getattr(self, f.name), count) for f in fields(self)})

    def to(self, device: torch.device | str) -> Conditioning:
        """Returns the same conditions on another device."""
        return replace(self, **{f.name: _moved(getattr(self, f.name), device) for f in fields(self)})

    def in_dtype(self, dtype: torch.dtype) -> Conditioning:
        """Returns the same conditions with the maps that enter convolutions, context and low resolution, in `dtype`."""
        context, low_res = self.context, self.low_res
        return replace(
            self,
            context=None if context is None else replace(context, latents=context.latents.to(dtype)),
            low_res=None if low_res is None else replace(low_res, frames=low_res.frames.to(dtype)),
        )


def _masked(value: Any, keep: Tensor) -> object:
    if isinstance(value, ContextFrames):
        return replace(value, mask=value.mask & keep.to(value.mask.device)[:, None])
    if isinstance(value, Tensor):
        return torch.where(keep.to(value.device), value, UNKNOWN)
    return replace(value, known=value.known & keep.to(value.known.device))


def _first_frames(value: Any, count: int) -> Any:
    """A condition of any kind, or None, without later frames. Only what is known of each frame has a second axis."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value[:, :count] if value.ndim > 1 else value
    return replace(value, **{f.name: _first_frames(getattr(value, f.name), count) for f in fields(value)})


def _moved(value: Any, device: torch.device | str) -> Any:
    """A condition of any kind, or None, on another device."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value.to(device)
    return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
