"""The learning rate rises, stays and falls to zero, whatever ends the training, and however often it is resumed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.training.loop.budget import DECAY_FROM, Progress, TrainingBudget

STEPS = 500


def course(budget: TrainingBudget, warmup_steps: int = 50, seconds_per_step: float = 1.0) -> list[float]:
    """Factors of all steps until the budget ends."""
    factors, progress = [], budget.start
    while not budget.ended(progress):
        factors.append(budget.learning_rate_factor(progress, warmup_steps))
        progress = Progress(progress.step + 1, progress.elapsed_s + seconds_per_step)
    return factors


@pytest.mark.parametrize("budget", [TrainingBudget(steps=STEPS), TrainingBudget(seconds=STEPS)])
def test_the_rate_rises_stays_and_falls_to_nearly_zero(budget: TrainingBudget) -> None:
    factors = course(budget)
    falls_at = round(DECAY_FROM * STEPS)
    assert len(factors) == STEPS
    assert factors[:50] == pytest.approx([(step + 1) / 50 for step in range(50)])
    assert set(factors[50:falls_at]) == {1.0}
    assert all(after < before for before, after in zip(factors[falls_at:], factors[falls_at + 1 :], strict=False))
    assert 0 < factors[-1] == pytest.approx(1 / (STEPS - falls_at))


def test_the_limit_that_comes_first_decides() -> None:
    assert course(TrainingBudget(seconds=1e9, steps=40)) == course(TrainingBudget(steps=40))
    assert course(TrainingBudget(seconds=40, steps=10**9)) == course(TrainingBudget(seconds=40))


def test_without_a_limit_the_rate_never_falls() -> None:
    assert TrainingBudget().learning_rate_factor(Progress(10**9, 1e9), 100) == 1
    assert not TrainingBudget().ended(Progress(10**9, 1e9))


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 1000))
def test_factors_lie_between_zero_and_one(steps: int, step: int, warmup_steps: int) -> None:
    assert 0 <= TrainingBudget(steps=steps).learning_rate_factor(Progress(step), warmup_steps) <= 1


@given(st.integers(0, STEPS))
def test_the_same_budget_again_keeps_the_course(step: int) -> None:
    budget, there = TrainingBudget(seconds=9e9, steps=STEPS), Progress(step, 3.0 * step)
    assert budget.continuing(budget, there) == budget


def test_more_time_before_the_rate_falls_moves_the_end_alone() -> None:
    longer = TrainingBudget(steps=900).continuing(TrainingBudget(steps=STEPS), Progress(step=300))
    assert longer == TrainingBudget(steps=900)


def test_more_time_for_a_finished_training_starts_at_the_full_rate() -> None:
    finished = Progress(STEPS, 77.0)
    longer = TrainingBudget(steps=2 * STEPS).continuing(TrainingBudget(steps=STEPS), finished)
    assert longer.learning_rate_factor(finished, warmup_steps=1) == 1
    assert longer.learning_rate_factor(Progress(STEPS + 100, 99.0), warmup_steps=50) == 1
    assert longer.learning_rate_factor(Progress(2 * STEPS - 1, 99.0), warmup_steps=50) == pytest.approx(0.01)
    assert longer.ended(Progress(2 * STEPS))
    assert longer.continuing(longer, Progress(STEPS + 450)) == longer


def test_less_time_than_was_trained_has_ended() -> None:
    shorter = TrainingBudget(steps=10).continuing(TrainingBudget(steps=STEPS), Progress(step=450))
    assert shorter.ended(Progress(step=450))
    assert shorter.learning_rate_factor(Progress(step=450), warmup_steps=1) == 0


def test_a_budget_that_counts_anew_has_its_whole_length_left() -> None:
    there = Progress(STEPS, 100.0)
    again = TrainingBudget(seconds=60.0, steps=STEPS).counted_from(there)
    assert again.used(there) == 0
    assert len(course(again, seconds_per_step=0.01)) == STEPS
    assert len(course(again, seconds_per_step=1.0)) == 60
