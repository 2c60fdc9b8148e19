"""Footage that is recorded while the chain trains: what is needed now first, until there is enough, and by worlds of
their own.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("panda3d")

from drivesim.data.drive_log import split_of
from drivesim.data.packed import PackedFootage, packed_folder
from drivesim.models.checkpoints import STAGES, CheckpointSet
from drivesim.models.presets import demo, tiny
from drivesim.training.chain import recording
from drivesim.training.chain.chain import Chain
from drivesim.training.chain.footage_survey import LogSpan
from drivesim.training.chain.recording import ChainRecordSession, recordings
from drivesim.training.chain.request import ChainRequest
from drivesim.training.chain.shares import Shares
from drivesim.training.preparation.footage import frame_size
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.settings import wanted_clips
from drivesim.training.stages.autoencoder import AutoencoderStage
from drivesim.world.recording.recorder import log_name

ALONE = Shares().changed([f"{role}=0" for role in Shares().by_role if role != "autoencoder"])


def names(kind: recording.PackedRecording, shard: int) -> list[str]:
    return [log_name(seed) for seed in range(shard * kind.logs_per_shard, (shard + 1) * kind.logs_per_shard)]


@pytest.mark.parametrize("preset", [tiny(), demo()])
def test_every_stage_finds_its_clips_in_what_is_recorded(preset, tmp_path: Path) -> None:
    for role in STAGES:
        request = StageRequest(role, preset, tmp_path, tmp_path)
        size = frame_size(request)
        logs = [LogSpan("", k.recipe.fps, k.recipe.num_frames, 0) for k in recordings(preset) if size in k.sizes]
        for fps, num_frames in wanted_clips(request):
            assert any(log.num_clips(fps, num_frames) for log in logs), (role, fps)


def test_the_first_shard_of_each_kind_has_logs_for_training_and_held_out_ones() -> None:
    for kind in recordings(demo()):
        first = names(kind, kind.first_seed // kind.logs_per_shard)
        assert {split_of(name) for name in first} == {"train", "held_out"}


def test_kinds_are_recorded_of_different_worlds() -> None:
    starts = [kind.first_seed for kind in recordings(demo())]
    assert starts[0] >= 100_000_000
    assert all(after - before > 10_000_000 for before, after in itertools.pairwise(starts))


class Number:
    def __init__(self, value: int) -> None:
        self.value = value


def test_workers_record_what_the_stage_of_the_moment_needs_and_stop_where_there_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stills, clips, *_ = kinds = recordings(tiny())
    stage = Number(0)
    session = ChainRecordSession(tmp_path, kinds, turns=((0, 0, 1), (1,)), stage=stage)
    shards = session.shards()
    recorded = [next(shards) for _ in range(3)]
    assert [kind for kind, _ in recorded] == [stills, stills, clips]
    assert recorded[1][1] == recorded[0][1] + 1
    stage.value = 1
    assert next(shards) == (clips, recorded[2][1] + 1)
    stage.value = 0
    monkeypatch.setitem(recording._MOST_FRAMES, 0, 2 * stills.frames_per_shard)
    assert [next(shards)[0] for _ in range(3)] == [clips] * 3


@pytest.fixture
def quick_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stills of few worlds, so that a shard is there within seconds."""
    kinds = recordings(tiny())
    stills = recording._with_both_splits(replace(kinds[0], recipe=replace(kinds[0].recipe, num_frames=86)))
    monkeypatch.setattr(recording, "recordings", lambda *_: (stills, *kinds[1:]))


@pytest.mark.usefixtures("quick_recordings")
def test_a_chain_waits_for_the_first_footage_trains_on_it_and_takes_up_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out, said, new_frames = tmp_path / "data", tmp_path / "out", [], []
    refresh = AutoencoderStage.refresh
    monkeypatch.setattr(AutoencoderStage, "refresh", lambda stage: new_frames.append(refresh(stage)))
    chain = Chain(ChainRequest(tiny(), data, out, 10.0, ALONE, steps=10**6, record_workers=1, evaluate_every_s=1.0))
    assert chain.plan()[0].missing
    reports = chain.run(lambda text, *_: said.append(text))
    assert next(reports)[1].step == 1
    assert "autoencoder: waiting until there are training frames at 32x64" in said
    while not any(new_frames):
        next(reports)
    next(reports)
    reports.close()
    assert not list(packed_folder(data, 32, 64).glob(".*"))  # workers that are stopped give up what they hold
    assert len(PackedFootage.open(packed_folder(data, 32, 64)).shards) > 1
    CheckpointSet.open(out).load("autoencoder")


def children(process: int) -> list[int]:
    return [
        int(child) for path in Path(f"/proc/{process}/task").glob("*/children") for child in path.read_text().split()
    ]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs the process table of Linux")
def test_workers_end_with_a_chain_that_is_killed(tmp_path: Path, wait_until: Callable) -> None:
    options = ["--minutes", "9", "--preset", "tiny", "--record-workers", "1", "--threads", "1"]
    command = [sys.executable, "-m", "drivesim", "train", "chain", "--data", tmp_path, "--out", tmp_path / "out"]
    said = tmp_path / "stderr"
    with said.open("w") as stderr, subprocess.Popen([*map(str, command), *options], stderr=stderr) as chain:
        try:
            wait_until(lambda: "waiting until" in said.read_text() or chain.poll() is not None)
            workers = children(chain.pid)
        finally:
            chain.kill()
    assert workers, said.read_text()
    wait_until(lambda: not any(map(is_running, workers)))


def is_running(process: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False
