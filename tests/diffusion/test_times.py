from __future__ import annotations

import torch

from drivesim.diffusion.schedule import Schedule
from drivesim.diffusion.times import UNIFORM, TimeDistribution

COSINE = Schedule.cosine()


def drawn(times: TimeDistribution, schedule: Schedule = COSINE, count: int = 20_000) -> torch.Tensor:
    return times.draw(schedule, count, torch.Generator().manual_seed(0))


def test_log_snr_is_normal_whatever_the_schedule() -> None:
    for schedule in (COSINE, Schedule(COSINE.log_snr_table - 1.4), Schedule.cosine(4000)):
        level = -schedule.log_snr(drawn(TimeDistribution(0.0, 0.3, 1.0), schedule)).double() / 2
        assert abs(level.mean() - 0.3) < 0.03
        assert abs(level.std() - 1) < 0.03
        within = [(level - 0.3).abs().le(width).double().mean() for width in (0.5, 1.0, 2.0)]
        assert torch.allclose(torch.stack(within), torch.tensor([0.383, 0.683, 0.954], dtype=torch.float64), atol=0.012)


def test_uniform_times_reach_both_ends_alike() -> None:
    counts = torch.bincount(drawn(UNIFORM) // 100, minlength=10)
    assert (counts - 2000).abs().max() < 200


def test_a_share_of_the_times_is_uniform() -> None:
    far = (COSINE.log_snr(drawn(TimeDistribution(0.5, 0.3, 0.01))) / -2 - 0.3).abs() > 0.1
    assert abs(far.float().mean() - 0.5) < 0.05


def test_no_time_lies_outside_the_schedule() -> None:
    tau = drawn(TimeDistribution(0.0, 0.0, 50.0))
    assert tau.min() == 0
    assert tau.max() == COSINE.num_steps - 1
