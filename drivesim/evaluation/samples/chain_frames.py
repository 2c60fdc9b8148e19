"""What each step of the chain makes of recorded frames, which shows where something is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import cv2
import numpy as np

from drivesim.engine import Engine, frame_shape
from drivesim.engine.first_frame.compose import fitted
from drivesim.evaluation.samples.composed import FrameSampling
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress, conditions_part

CONDITION_NAMES = ("boxes", "time_of_day")
"""What composed frames are conditioned on."""


class FrameSource(StrEnum):
    """Where a frame comes from.

    Attributes:
        render: The frame as it was recorded.
        small_bicubic: Shrunk to the size of the autoencoder, and enlarged by bicubic interpolation.
        small_upsampler: Shrunk to the size of the autoencoder, and enlarged by the upsampler.
        autoencoder_bicubic: Shrunk, encoded and decoded, and enlarged by bicubic interpolation.
        autoencoder_upsampler: Shrunk, encoded and decoded, and enlarged by the upsampler.
        composed: Composed from the boxes and the time of day of the recorded frame.
    """

    render = "render"
    small_bicubic = "small_bicubic"
    small_upsampler = "small_upsampler"
    autoencoder_bicubic = "autoencoder_bicubic"
    autoencoder_upsampler = "autoencoder_upsampler"
    composed = "composed"


ROLES: dict[FrameSource, tuple[str, ...]] = {
    FrameSource.render: (),
    FrameSource.small_bicubic: (),
    FrameSource.small_upsampler: ("upsampler_image",),
    FrameSource.autoencoder_bicubic: ("autoencoder",),
    FrameSource.autoencoder_upsampler: ("autoencoder", "upsampler_image"),
    FrameSource.composed: ("autoencoder", "image", "upsampler_image"),
}
"""The stages that make the frames of each source."""


def chain_frames(
    engine: Engine,
    footage: MeasuredFootage,
    wanted: Sequence[FrameSource],
    sampling: FrameSampling,
    on_progress: OnProgress,
) -> Iterator[dict[FrameSource, np.ndarray]]:
    """Makes the frames of a footage again, in its order, from every source that is wanted.

    Frame i has seed `first_seed` + i. No more than one batch is in memory.

    Yields:
        Batches of frames, uint8 `n h w 3`, by source.
    """
    conditions = footage.conditions(CONDITION_NAMES)
    for start in range(0, len(footage), sampling.batch_size):
        stop = min(start + sampling.batch_size, len(footage))
        part, seeds = slice(start, stop), range(sampling.first_seed + start, sampling.first_seed + stop)
        frames = footage.some_frames(part)
        made = {FrameSource.render: frames}
        small = np.stack([fitted(frame, engine.video.low_height, engine.video.low_width) for frame in frames])
        made[FrameSource.small_bicubic] = _bicubic(engine, small)
        if FrameSource.small_upsampler in wanted:
            made[FrameSource.small_upsampler] = engine.enlarge_many(small, seeds, sampling.settings)
        if FrameSource.autoencoder_bicubic in wanted or FrameSource.autoencoder_upsampler in wanted:
            decoded = engine.pass_many(small, seeds, sampling.settings, enlarge=False)
            made[FrameSource.autoencoder_bicubic] = _bicubic(engine, decoded)
            if FrameSource.autoencoder_upsampler in wanted:
                made[FrameSource.autoencoder_upsampler] = engine.enlarge_many(decoded, seeds, sampling.settings)
        if FrameSource.composed in wanted:
            asked = conditions_part(conditions, part)
            made[FrameSource.composed] = engine.compose_many(asked, seeds, sampling.settings)
        on_progress("making frames", stop, len(footage))
        yield {source: made[source] for source in wanted}


def _bicubic(engine: Engine, small: np.ndarray) -> np.ndarray:
    height, width = frame_shape(engine.checkpoints)[:2]
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in small])
