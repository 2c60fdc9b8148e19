"""Power-function averages against sums over all steps, and averages of other lengths made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from drivesim.training.loop.power_average import LENGTHS, PowerAverage, PowerAverages, Profile, combination, overlap


def weights(profile: Profile, resolution: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    """Times and the profile at them."""
    time = (np.arange(resolution) + 0.5) / resolution * profile.steps
    exponent = profile.exponent
    return time, (exponent + 1) * (time / profile.steps) ** exponent / profile.steps


def walk(steps: int, seed: int = 0) -> np.ndarray:
    """A random walk of one parameter."""
    return np.random.default_rng(seed).normal(size=steps).cumsum()


def averages_of(values: np.ndarray, lengths: tuple[float, ...]) -> list[list[float]]:
    """The averages after each step."""
    parameter = nn.Parameter(torch.zeros((), dtype=torch.float64))
    tracked = [PowerAverage({"p": parameter}, length) for length in lengths]
    history = []
    for step, value in enumerate(values, 1):
        parameter.data.fill_(float(value))
        for average in tracked:
            average.update(step)
        history.append([float(average.average["p"]) for average in tracked])
    return history


@pytest.mark.parametrize("length", [0.03, *LENGTHS, 0.25])
def test_the_length_is_the_standard_deviation_of_the_profile(length: float) -> None:
    time, weight = weights(Profile(length, 700.0))
    weight = weight / weight.sum()
    mean = (weight * time).sum()
    assert np.sqrt((weight * (time - mean) ** 2).sum()) == pytest.approx(length * 700, rel=1e-3)


def test_the_first_parameters_are_forgotten_at_once() -> None:
    assert averages_of(np.array([3.0]), LENGTHS) == [[3.0, 3.0]]


@pytest.mark.parametrize("length", LENGTHS)
def test_an_average_weighs_steps_by_its_profile(length: float) -> None:
    values = walk(2000)
    _, weight = weights(Profile(length, 2000.0), 2000)
    assert averages_of(values, (length,))[-1][0] == pytest.approx(float(weight @ values), abs=0.02 * values.std())


def test_overlaps_are_integrals_of_products() -> None:
    first, second = Profile(0.05, 600.0), Profile(0.1, 1000.0)
    time, longer = weights(second)
    _, shorter = weights(first)
    inside = np.interp(time, np.linspace(0, 600, len(shorter)), shorter, right=0.0)
    assert overlap(first, second) == overlap(second, first)
    assert overlap(first, second) == pytest.approx(float((inside * longer).sum() * (time[1] - time[0])), rel=1e-3)


def test_an_average_that_was_kept_is_itself() -> None:
    kept = [Profile(length, steps) for steps in (500.0, 700.0, 1000.0) for length in LENGTHS]
    factors, missing = combination(kept, kept[-1])
    assert factors == pytest.approx([0, 0, 0, 0, 0, 1], abs=1e-6)
    assert missing < 1e-9


@pytest.mark.parametrize("length", [0.03, 0.07, 0.15, 0.2])
def test_averages_of_other_lengths_are_those_that_would_have_been_tracked(length: float) -> None:
    steps = [round(3000 / 1.1**number) for number in range(15)]
    values = walk(3000, seed=3)
    history, expected = averages_of(values, LENGTHS), averages_of(values, (length,))[-1][0]
    kept = [(Profile(own, step), history[step - 1][i]) for step in steps for i, own in enumerate(LENGTHS)]
    factors, missing = combination([profile for profile, _ in kept], Profile(length, 3000))
    made = float(factors @ np.array([value for _, value in kept]))
    assert missing < 0.01
    assert made == pytest.approx(expected, abs=0.03 * values.std())


def test_a_length_far_from_all_that_was_kept_is_known_to_be_missing() -> None:
    assert combination([Profile(0.1, 1000.0)], Profile(0.01, 1000.0))[1] > 0.5


def test_averages_that_begin_later_know_nothing_of_before() -> None:
    parameter = nn.Parameter(torch.tensor(5.0))
    kept = PowerAverages({"p": parameter})
    for step in range(4):
        kept.update(step)
    kept.begin(4)
    parameter.data.fill_(-1.0)
    kept.update(4)
    assert all(average.average["p"] == -1 for average in kept.averages)


def test_a_state_without_the_averages_is_told_from_one_with_them() -> None:
    kept, again = (PowerAverages({"p": nn.Parameter(torch.tensor(value))}) for value in (5.0, 1.0))
    kept.begin(7)
    assert not again.restore({})
    assert again.restore(kept.tensors())
    assert again.begun == 7
    assert all(average.average["p"] == 5 for average in again.averages)
