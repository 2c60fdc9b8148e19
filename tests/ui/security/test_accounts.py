"""Passwords, sessions and the throttle on guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.errors import InputError
from ui.security import accounts as module
from ui.security.accounts import Accounts, Throttle, read_accounts


def account_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "accounts"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_holds_a_name_and_a_password_per_line(tmp_path: Path) -> None:
    path = account_file(tmp_path, "# team\nana:correct horse\n\nben:pass:with:colons\n")
    assert read_accounts(path) == {"ana": "correct horse", "ben": "pass:with:colons"}


@pytest.mark.parametrize("text", ["", "# nobody\n", "ana\n", ":password1\n", "ana:short\n"])
def test_a_file_without_usable_accounts_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="--auth-file"):
        read_accounts(account_file(tmp_path, text))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InputError, match="chmod 600"):
        read_accounts(account_file(tmp_path, "ana:correct horse\n", mode))


def test_a_session_lasts_until_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = Accounts({"ana": "correct horse"})
    token = accounts.log_in("ana", "correct horse")
    assert accounts.knows(token)
    accounts.log_out(token)
    assert not accounts.knows(token)
    late = accounts.log_in("ana", "correct horse")
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.SESSION_S + 1)
    assert not accounts.knows(late)


@pytest.mark.parametrize(("name", "password"), [("ana", "wrong"), ("eve", "correct horse"), ("", ""), ("ana", "")])
def test_other_passwords_open_nothing(name: str, password: str) -> None:
    assert Accounts({"ana": "correct horse"}).log_in(name, password) is None


def test_each_failure_after_the_first_few_doubles_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "monotonic", lambda: 1000.0)
    throttle, waits = Throttle(), []
    for _ in range(16):
        throttle.failed("address x", "name ana")
        waits.append(throttle.wait_s("address x", "name ben"))
    assert waits[:4] == [0.0] * 4
    assert waits[4:8] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == module.MAX_WAIT_S
    assert throttle.wait_s("address y", "name ana") == module.MAX_WAIT_S
    assert throttle.wait_s("address y", "name ben") == 0.0
    throttle.succeeded("address x", "name ana")
    assert throttle.wait_s("address x", "name ana") == 0.0


def test_the_throttle_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TRACKED", 10)
    throttle = Throttle()
    for number in range(100):
        throttle.failed(f"address {number}")
    assert len(throttle._failures) == 10
