from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from drivesim.training.loop.power_average import PowerAverage, PowerAverages
from drivesim.training.loop.snapshots import Snapshots, is_due


class Run:
    """A training of one matrix that takes snapshots."""

    def __init__(self, folder: Path) -> None:
        self.parameter = nn.Parameter(torch.zeros(2, 3))
        self.kept, self.snapshots = PowerAverages({"w": self.parameter}), Snapshots(folder)
        self.wanted = PowerAverage({"w": self.parameter}, 0.15)
        self.generator = torch.Generator().manual_seed(0)

    def train(self, first: int, last: int) -> None:
        for step in range(first, last):
            self.parameter.data += 0.02 * torch.randn(2, 3, generator=self.generator) + 0.002
            self.kept.update(step)
            self.wanted.update(step + 1)
            if is_due(step + 1 - self.kept.begun):
                self.take(step + 1)
        self.take(last)

    def take(self, step: int) -> None:
        self.snapshots.add(self.kept.begun, step, {average.length: average.whole() for average in self.kept.averages})


def test_snapshots_are_a_tenth_apart_and_few_are_kept(tmp_path: Path) -> None:
    due = [steps for steps in range(1, 5000) if is_due(steps)]
    assert due[0] >= 100
    assert all(1.05 < after / before < 1.15 for before, after in itertools.pairwise(due))
    run = Run(tmp_path)
    run.train(0, 1500)
    steps = [int(path.stem) for path in (tmp_path / "snapshots").iterdir()]
    assert min(steps) >= 1500 * 0.25
    assert max(steps) == 1500
    assert len(steps) <= 16


@pytest.mark.parametrize("length", [0.05, 0.15])
def test_an_average_made_of_snapshots_is_the_one_that_was_tracked(tmp_path: Path, length: float) -> None:
    run = Run(tmp_path)
    run.train(0, 1500)
    tracked = run.wanted if length == 0.15 else run.kept.averages[0]
    made = run.snapshots.averaged(length)
    assert torch.allclose(made["w"], tracked.average["w"], rtol=5e-3, atol=5e-3)
    assert not torch.allclose(made["w"], run.parameter, rtol=5e-3, atol=5e-3)


def test_too_few_snapshots_make_no_average(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.snapshots.averaged(0.05) is None
    run.train(0, 50)
    assert run.snapshots.averaged(0.05) is not None
    assert run.snapshots.averaged(0.03) is None


def test_snapshots_of_an_abandoned_course_are_removed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.train(0, 400)
    run.snapshots.remove_outside(0, 200)
    assert max(int(path.stem) for path in (tmp_path / "snapshots").iterdir()) <= 200
    run.snapshots.remove_outside(200, 200)
    assert not list((tmp_path / "snapshots").iterdir())


def test_a_snapshot_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.train(0, 300)
    (tmp_path / "snapshots" / "00000301.safetensors").write_bytes(b"half of a sn")
    assert run.snapshots.averaged(0.05) is not None
