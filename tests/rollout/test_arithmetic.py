"""The tolerance across devices, with what a CPU has for other devices: other kernels and another number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from drivesim.archive import compare_archives
from drivesim.engine import Engine
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario


@contextmanager
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(1)


OTHERS = {"other kernels": torch.backends.mkldnn.flags(enabled=False), "two threads": two_threads()}


def make(out: Path, checkpoints: Path) -> Path:
    scenario = Scenario.model_validate(
        {"format": 1, "name": "short", "time_of_day": "day", "duration_s": 3.0, "sampling": {"steps": 4}}
    )
    job = RolloutJob(scenario, out, checkpoints, seed=5, futures=1)
    list(run_rollout(job, Engine.load(checkpoints, threads=None)))  # those of torch
    return job.archive_path


@pytest.fixture(scope="module")
def reference(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    fix_arithmetic(1)
    return make(tmp_path_factory.mktemp("reference"), tiny_checkpoints)


@pytest.mark.parametrize("other", OTHERS)
def test_another_way_to_compute_stays_within_the_tolerance(
    tiny_checkpoints: Path, reference: Path, tmp_path: Path, other: str
) -> None:
    with OTHERS[other]:
        made = make(tmp_path, tiny_checkpoints)
    differences = list(compare_archives(made, reference))
    assert len(differences) == 2
    for difference in differences:
        assert difference.within_tolerance, difference


def test_a_gpu_computes_in_whole_float32() -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    fix_arithmetic(1)
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == 1
