"""A queue of compositions. Each makes the variants of one first frame in the background, and the page asks for them.

A page that loses an answer asks again, so no variant is lost on a slow connection or a busy server.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from drivesim.errors import DrivesimError, InputError
from drivesim.scenario import Scenario
from ui.composer import MAX_VARIANTS, Composer, Variant

MAX_WAITING = 32
MAX_REMEMBERED = 128
WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
ACTIVE = (WAITING, RUNNING)


@dataclass
class Composition:
    """The variants of one scene.

    Attributes:
        version: Key of the scene that the variants show.
        count: Number of variants to make.
        error: The reason if the composition failed.
    """

    id: str
    scenario: Scenario
    version: str
    count: int
    state: str = WAITING
    variants: list[Variant] = field(default_factory=list)
    error: str = ""


class Compositions:
    """The compositions of a server, which are made one after another; it is safe to use from several threads."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._known: OrderedDict[str, Composition] = OrderedDict()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="compositions", daemon=True).start()

    def start(self, scenario: Scenario, version: str, count: int) -> str:
        """Queues a composition and returns its id.

        Raises:
            InputError: Too many compositions are waiting.
        """
        composition = Composition(secrets.token_urlsafe(12), scenario, version, min(max(count, 1), MAX_VARIANTS))
        with self._changed:
            if sum(known.state == WAITING for known in self._known.values()) >= MAX_WAITING:
                raise InputError(f"{MAX_WAITING} scenes are waiting to be composed already; try again in a moment")
            self._known[composition.id] = composition
            self._forget()
            self._changed.notify_all()
        return composition.id

    def stop(self, key: str) -> None:
        """Stops a composition after the variant that is being made."""
        with self._changed:
            composition = self._known.get(key)
            if composition is not None and composition.state in ACTIVE:
                composition.state = STOPPED

    def shown(self, key: str) -> dict[str, Any]:
        """Returns a composition as plain data for the browser.

        Raises:
            InputError: No composition has this id.
        """
        with self._changed:
            if key not in self._known:
                raise InputError("this composition no longer exists; compose the scene again")
            composition = self._known[key]
            before = 0
            for other in self._known.values():
                if other is composition:
                    break
                before += other.state in ACTIVE
            active = composition.state in ACTIVE
            return {
                "id": composition.id,
                "variants": [{**one.as_dict(), "version": composition.version} for one in composition.variants],
                "waiting": composition.count - len(composition.variants) if active else 0,
                "before": before if composition.state == WAITING else 0,
                "error": composition.error,
                "done": not active,
            }

    def _forget(self) -> None:
        for key in [key for key, known in self._known.items() if known.state not in ACTIVE]:
            if len(self._known) <= MAX_REMEMBERED:
                return
            del self._known[key]

    def _work(self) -> None:
        while True:
            with self._changed:
                while (composition := self._next()) is None:
                    self._changed.wait()
                composition.state = RUNNING
            self._run(composition)

    def _next(self) -> Composition | None:
        return next((known for known in self._known.values() if known.state == WAITING), None)

    def _run(self, composition: Composition) -> None:
        ended, error = DONE, ""
        try:
            for variant in self._composer.compose(composition.scenario, composition.count):
                with self._changed:
                    composition.variants.append(variant)
                    if composition.state != RUNNING:
                        break
        except DrivesimError as problem:
            ended, error = FAILED, str(problem)
        except (RuntimeError, MemoryError, OSError) as problem:  # the queue goes on, and the page says what happened
            ended, error = FAILED, f"the scene could not be composed: {problem}"
        with self._changed:
            if composition.state == RUNNING:
                composition.state, composition.error = ended, error
