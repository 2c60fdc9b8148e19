"""Each way of making frames is what its name says, in batches that change nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.engine import Engine, fast
from drivesim.evaluation.samples.chain_frames import FrameSource, chain_frames
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames, reconstructed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage
from drivesim.models.checkpoints import CheckpointSet
from drivesim.scenario import Sampling

SETTINGS = fast().with_sampling(Sampling(steps=2))


def _silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def engine(checkpoints: Path) -> Engine:
    return Engine.load(checkpoints)


@pytest.fixture(scope="module")
def footage(logs: Path) -> MeasuredFootage:
    return measured_footage(logs, 128, 256, 5, "all", 0, _silent)


def _made(
    engine: Engine, footage: MeasuredFootage, batch_size: int, *wanted: FrameSource
) -> dict[FrameSource, np.ndarray]:
    sampling = FrameSampling(SETTINGS, 3, batch_size=batch_size)
    batches = list(chain_frames(engine, footage, wanted, sampling, _silent))
    assert [len(next(iter(batch.values()))) for batch in batches] == [batch_size] * (5 // batch_size) + [1]
    return {way: np.concatenate([batch[way] for batch in batches]) for way in wanted}


def test_every_step_of_the_chain(engine: Engine, footage: MeasuredFootage) -> None:
    made, sampling = _made(engine, footage, 2, *FrameSource), FrameSampling(SETTINGS, 3, batch_size=2)
    assert set(made) == set(FrameSource)
    assert {frames.shape for frames in made.values()} == {(5, 128, 256, 3)}
    assert np.array_equal(made[FrameSource.render], footage.frames)
    small = [cv2.resize(frame, (64, 32), interpolation=cv2.INTER_AREA) for frame in footage.frames]
    enlarged = [cv2.resize(frame, (256, 128), interpolation=cv2.INTER_CUBIC) for frame in small]
    assert np.array_equal(made[FrameSource.small_bicubic], enlarged)
    reconstructed = reconstructed_frames(engine, footage.frames, sampling, _silent)
    assert (
        np.abs(made[FrameSource.autoencoder_upsampler].astype(int) - reconstructed).mean() < 1
    )  # rounded once more in between
    composed = composed_frames(engine, footage.conditions(("boxes", "time_of_day")), 5, sampling, _silent)
    assert np.array_equal(made[FrameSource.composed], composed)
    assert not np.array_equal(made[FrameSource.small_upsampler], made[FrameSource.autoencoder_upsampler])


def test_frames_do_not_depend_on_their_batch(engine: Engine, footage: MeasuredFootage) -> None:
    ways = (FrameSource.small_upsampler, FrameSource.autoencoder_bicubic)
    one, other = _made(engine, footage, 2, *ways), _made(engine, footage, 4, *ways)
    for way in ways:
        assert np.abs(one[way].astype(int) - other[way]).max() <= 2


def test_only_what_is_wanted_is_made(footage: MeasuredFootage, checkpoints: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "autoencoder.safetensors"):
        (tmp_path / name).write_bytes((checkpoints / name).read_bytes())
    made = _made(Engine(CheckpointSet.open(tmp_path)), footage, 2, FrameSource.render, FrameSource.autoencoder_bicubic)
    assert set(made) == {FrameSource.render, FrameSource.autoencoder_bicubic}
