"""The child processes that tests start never return into the test, and nothing waits for them without a limit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest


def test_the_exit_code_says_how_a_child_ended(in_child: Callable) -> None:
    def fail() -> None:
        raise SystemExit(0)

    assert in_child(lambda: None).wait() == 0
    assert in_child(fail).wait() == 1
    assert in_child(lambda: os.kill(os.getpid(), signal.SIGKILL)).wait() == -signal.SIGKILL


def test_a_condition_that_never_holds_fails_the_test(in_child: Callable, wait_until: Callable) -> None:
    with pytest.raises(AssertionError, match="did not hold within"):
        wait_until(lambda: False, limit_s=0.02)
    with pytest.raises(AssertionError, match="ended before"):
        wait_until(lambda: False, in_child(lambda: None))


def test_a_killed_child_is_gone(in_child: Callable) -> None:
    child = in_child(lambda: time.sleep(600))
    child.kill()
    child.kill()
    assert child.has_ended
    assert child.wait() == -signal.SIGKILL
