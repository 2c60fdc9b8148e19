"""Each way of making frames is what its name says, in batches that change nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.engine import Engine, fast
from drivesim.evaluation.samples.chain_frames import Made, chain_frames
from drivesim.evaluation.samples.composed import Sampling, composed_frames, passed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage
from drivesim.models.checkpoints import CheckpointSet
from drivesim.scenario import Sampling as Wishes

SETTINGS = fast().with_sampling(Wishes(steps=2))


def _silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def engine(checkpoints: Path) -> Engine:
    return Engine.load(checkpoints)


@pytest.fixture(scope="module")
def footage(logs: Path) -> MeasuredFootage:
    return measured_footage(logs, 128, 256, 5, "all", 0, _silent)


def _made(engine: Engine, footage: MeasuredFootage, batch_size: int, *wanted: Made) -> dict[Made, np.ndarray]:
    sampling = Sampling(SETTINGS, 3, batch_size=batch_size)
    batches = list(chain_frames(engine, footage, wanted, sampling, _silent))
    assert [len(next(iter(batch.values()))) for batch in batches] == [batch_size] * (5 // batch_size) + [1]
    return {way: np.concatenate([batch[way] for batch in batches]) for way in wanted}


def test_every_step_of_the_chain(engine: Engine, footage: MeasuredFootage) -> None:
    made, sampling = _made(engine, footage, 2, *Made), Sampling(SETTINGS, 3, batch_size=2)
    assert set(made) == set(Made)
    assert {frames.shape for frames in made.values()} == {(5, 128, 256, 3)}
    assert np.array_equal(made[Made.render], footage.frames)
    small = [cv2.resize(frame, (64, 32), interpolation=cv2.INTER_AREA) for frame in footage.frames]
    enlarged = [cv2.resize(frame, (256, 128), interpolation=cv2.INTER_CUBIC) for frame in small]
    assert np.array_equal(made[Made.small_bicubic], enlarged)
    passed = passed_frames(engine, footage.frames, sampling, _silent)
    assert np.abs(made[Made.autoencoder_upsampler].astype(int) - passed).mean() < 1  # rounded once more in between
    composed = composed_frames(engine, footage.conditions(("boxes", "time_of_day")), 5, sampling, _silent)
    assert np.array_equal(made[Made.composed], composed)
    assert not np.array_equal(made[Made.small_upsampler], made[Made.autoencoder_upsampler])


def test_frames_do_not_depend_on_their_batch(engine: Engine, footage: MeasuredFootage) -> None:
    ways = (Made.small_upsampler, Made.autoencoder_bicubic)
    one, other = _made(engine, footage, 2, *ways), _made(engine, footage, 4, *ways)
    for way in ways:
        assert np.abs(one[way].astype(int) - other[way]).max() <= 2


def test_only_what_is_wanted_is_made(footage: MeasuredFootage, checkpoints: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "autoencoder.safetensors"):
        (tmp_path / name).write_bytes((checkpoints / name).read_bytes())
    made = _made(Engine(CheckpointSet.open(tmp_path)), footage, 2, Made.render, Made.autoencoder_bicubic)
    assert set(made) == {Made.render, Made.autoencoder_bicubic}
