"""What each step of the chain makes of recorded frames, which shows the step that loses something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

import cv2
import numpy as np

from drivesim.engine import Engine, frame_shape
from drivesim.engine.first_frame.compose import fitted
from drivesim.evaluation.samples.composed import Sampling
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress, conditions_part

TOLD = ("boxes", "time_of_day")
"""What composed frames are conditioned on."""


class Made(StrEnum):
    """Where a frame comes from.

    render: as recorded. small: shrunk to the size of the autoencoder. autoencoder: shrunk, encoded and decoded. Both
    are enlarged again, by bicubic interpolation or by the upsampler. composed: from the boxes of the recorded frame.
    """

    render = "render"
    small_bicubic = "small_bicubic"
    small_upsampler = "small_upsampler"
    autoencoder_bicubic = "autoencoder_bicubic"
    autoencoder_upsampler = "autoencoder_upsampler"
    composed = "composed"


ROLES: dict[Made, tuple[str, ...]] = {
    Made.render: (),
    Made.small_bicubic: (),
    Made.small_upsampler: ("upsampler_image",),
    Made.autoencoder_bicubic: ("autoencoder",),
    Made.autoencoder_upsampler: ("autoencoder", "upsampler_image"),
    Made.composed: ("autoencoder", "image", "upsampler_image"),
}
"""The stages that take part in each."""


def chain_frames(
    engine: Engine, footage: MeasuredFootage, wanted: Sequence[Made], sampling: Sampling, on_progress: OnProgress
) -> Iterator[dict[Made, np.ndarray]]:
    """Batches of the footage in its order, each frame in every way that is wanted: uint8 `n h w 3`.

    Frame i has seed `first_seed` + i. No more than a batch is in memory.
    """
    conditions = footage.conditions(TOLD)
    for start in range(0, len(footage), sampling.batch_size):
        stop = min(start + sampling.batch_size, len(footage))
        part, seeds = slice(start, stop), range(sampling.first_seed + start, sampling.first_seed + stop)
        frames = footage.some_frames(part)
        made = {Made.render: frames}
        small = np.stack([fitted(frame, engine.video.low_height, engine.video.low_width) for frame in frames])
        made[Made.small_bicubic] = _bicubic(engine, small)
        if Made.small_upsampler in wanted:
            made[Made.small_upsampler] = engine.enlarge_many(small, seeds, sampling.settings)
        if Made.autoencoder_bicubic in wanted or Made.autoencoder_upsampler in wanted:
            decoded = engine.pass_many(small, seeds, sampling.settings, enlarge=False)
            made[Made.autoencoder_bicubic] = _bicubic(engine, decoded)
            if Made.autoencoder_upsampler in wanted:
                made[Made.autoencoder_upsampler] = engine.enlarge_many(decoded, seeds, sampling.settings)
        if Made.composed in wanted:
            asked = conditions_part(conditions, part)
            made[Made.composed] = engine.compose_many(asked, seeds, sampling.settings)
        on_progress("making frames", stop, len(footage))
        yield {way: made[way] for way in wanted}


def _bicubic(engine: Engine, small: np.ndarray) -> np.ndarray:
    height, width = frame_shape(engine.checkpoints)[:2]
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in small])
