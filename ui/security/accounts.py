"""User accounts of a page on a network: a password file, sessions in memory, and a limit on login attempts."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import threading
import time
from collections import OrderedDict
from pathlib import Path

from drivesim.errors import InputError

MIN_PASSWORD = 8
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 256
FREE_TRIES = 5
MAX_WAIT_S = 300.0
MAX_TRACKED = 4096
_MAX_FILE_BYTES = 64 << 10


def read_accounts(path: Path) -> dict[str, str]:
    """Reads names and passwords from a file with one `name:password` per line; lines that start with # are skipped.

    Raises:
        InputError: The file cannot be read, other users of this machine can read it, or a line is not such a pair.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise InputError(f"--auth-file {path}: is not a regular file")
        content = path.read_bytes()[: _MAX_FILE_BYTES + 1]
        lines = content.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--auth-file {path}: cannot be read ({error})") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"--auth-file {path}: other users can read it; run: chmod 600 {path}")
    accounts: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, separator, password = line.partition(":")
        if not separator or not name or len(password) < MIN_PASSWORD:
            expected = f"`name:password` with at least {MIN_PASSWORD} characters of password"
            raise InputError(f"--auth-file {path}:{number}: expected {expected}")
        accounts[name] = password
    if not accounts:
        raise InputError(f"--auth-file {path}: expected at least one line `name:password`")
    return accounts


class Accounts:
    """Checks passwords and keeps sessions; it is safe to use from several threads."""

    def __init__(self, accounts: dict[str, str]) -> None:
        self._salt = secrets.token_bytes(16)
        self._digests = {name: self._digest(password) for name, password in accounts.items()}
        self._nobody = secrets.token_bytes(32)
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def log_in(self, name: str, password: str) -> str | None:
        """Returns the token of a new session, or None for a wrong name or password. Both take the same time."""
        expected = self._digests.get(name, self._nobody)
        if not hmac.compare_digest(expected, self._digest(password)):
            return None
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[token] = time.monotonic() + SESSION_S
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return token

    def knows(self, token: str) -> bool:
        """Returns whether a session is open."""
        with self._lock:
            return self._sessions.get(token, 0.0) > time.monotonic()

    def log_out(self, token: str) -> None:
        """Closes a session."""
        with self._lock:
            self._sessions.pop(token, None)

    def _digest(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode(), salt=self._salt, n=2**12, r=8, p=1, dklen=32)


class Throttle:
    """Slows down guessing: after a few failures for an address or a name, each further failure doubles the wait."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, *keys: str) -> float:
        """Returns the seconds until the next attempt is allowed for all of these keys; 0 if it is allowed now."""
        now = time.monotonic()
        with self._lock:
            return max(0.0, *(self._failures.get(key, (0, 0.0))[1] - now for key in keys))

    def failed(self, *keys: str) -> None:
        """Counts a failed attempt."""
        now = time.monotonic()
        with self._lock:
            for key in keys:
                count = self._failures.pop(key, (0, 0.0))[0] + 1
                wait = 0.0 if count < FREE_TRIES else min(MAX_WAIT_S, 2.0 ** (count - FREE_TRIES))
                self._failures[key] = (count, now + wait)
            while len(self._failures) > MAX_TRACKED:
                self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forgets the failures of these keys."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)
