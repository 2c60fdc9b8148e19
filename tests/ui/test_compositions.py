"""Compositions run one after another in the background, and a page that asks again misses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivesim.errors import CheckpointError, InputError
from drivesim.scenario import Scenario, parse_scenario
from ui import compositions as module
from ui.composer import Variant
from ui.compositions import Compositions

PATIENCE_S = 400
SCENE = parse_scenario(b"format: 1\nname: scene\nboxes: []\n")


class ByHand:
    """A composer that makes a variant each time it is allowed one; the pictures of `broken` scenes cannot be made."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.asked: list[str] = []

    def compose(self, scenario: Scenario, count: int) -> Iterator[Variant]:
        self.asked.append(scenario.name)
        for seed in range(count):
            assert self.allowed.acquire(timeout=PATIENCE_S)
            if scenario.name == "broken":
                raise CheckpointError("image.safetensors: no such checkpoint")
            yield Variant(seed, f"/media/picture/{seed}", None)


@pytest.fixture
def composer() -> ByHand:
    return ByHand()


@pytest.fixture
def compositions(composer: ByHand) -> Compositions:
    return Compositions(composer)


def wait_until(compositions: Compositions, key: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Asks as a page does, until an answer has a property."""
    for _ in range(PATIENCE_S * 100):
        if holds(shown := compositions.shown(key)):
            return shown
        threading.Event().wait(0.01)
    raise AssertionError(f"still {shown}")


def test_variants_appear_one_by_one_and_stay(composer: ByHand, compositions: Compositions) -> None:
    key = compositions.start(SCENE, "v", 2)
    composer.allowed.release()
    shown = wait_until(compositions, key, lambda shown: len(shown["variants"]) == 1)
    assert (shown["waiting"], shown["done"]) == (1, False)
    composer.allowed.release()
    wait_until(compositions, key, lambda shown: shown["done"])
    assert [variant["seed"] for variant in compositions.shown(key)["variants"]] == [0, 1]
    assert {variant["version"] for variant in compositions.shown(key)["variants"]} == {"v"}


def test_a_stopped_composition_makes_no_more_and_the_next_one_runs(
    composer: ByHand, compositions: Compositions
) -> None:
    first, second = compositions.start(SCENE, "v", 8), compositions.start(SCENE, "v", 1)
    composer.allowed.release()
    wait_until(compositions, first, lambda shown: len(shown["variants"]) == 1)
    assert compositions.shown(second)["before"] == 1
    compositions.stop(first)
    stopped = compositions.shown(first)
    assert (stopped["done"], stopped["waiting"], len(stopped["variants"])) == (True, 0, 1)
    composer.allowed.release(2)
    wait_until(compositions, second, lambda shown: shown["done"])
    assert len(compositions.shown(second)["variants"]) == 1


def test_a_failed_composition_says_why_and_the_next_one_runs(composer: ByHand, compositions: Compositions) -> None:
    broken = compositions.start(SCENE.model_copy(update={"name": "broken"}), "v", 1)
    sound = compositions.start(SCENE, "v", 1)
    composer.allowed.release(2)
    wait_until(compositions, sound, lambda shown: len(shown["variants"]) == 1)
    assert compositions.shown(broken)["error"] == "image.safetensors: no such checkpoint"


def test_what_is_stopped_while_it_waits_is_never_begun(composer: ByHand, compositions: Compositions) -> None:
    first = compositions.start(SCENE, "v", 1)
    waiting = compositions.start(SCENE.model_copy(update={"name": "waiting"}), "v", 1)
    last = compositions.start(SCENE, "v", 1)
    compositions.stop(waiting)
    composer.allowed.release(2)
    for key in (first, last):
        wait_until(compositions, key, lambda shown: shown["done"])
    assert composer.asked == ["scene", "scene"]


def test_the_queue_and_its_memory_are_bounded(
    composer: ByHand, compositions: Compositions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 4)
    keys = [compositions.start(SCENE, "v", 1)]
    wait_until(compositions, keys[0], lambda _: bool(composer.asked))
    keys += [compositions.start(SCENE, "v", 1) for _ in range(module.MAX_WAITING)]
    with pytest.raises(InputError, match="waiting"):
        compositions.start(SCENE, "v", 1)
    for key in keys:
        compositions.stop(key)
    composer.allowed.release()
    compositions.start(SCENE, "v", 1)
    assert len(compositions._known) <= 4
    with pytest.raises(InputError, match="no longer exists"):
        compositions.shown(keys[1])
