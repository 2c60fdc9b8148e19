"""Errors become one line and an exit code, whatever the verb."""

from __future__ import annotations

import errno
import sys

import pytest

from drivesim import __version__
from drivesim.cli import main as program
from drivesim.durable import SyncError
from drivesim.errors import ArchiveError, CheckpointError, InputError, MissingExtraError, ScenarioError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["drivesim", *arguments])
    with pytest.raises(SystemExit) as stop:
        program.main()
    return stop.value.code


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (InputError("no such thing"), 2, "no such thing"),
        (CheckpointError("a.safetensors: no such checkpoint"), 2, "a.safetensors: no such checkpoint"),
        (MissingExtraError("pip install 'drivesim[ray]'"), 2, "pip install 'drivesim[ray]'"),
        (ScenarioError("a.yaml:1:1: wrong", "a.yaml:2:1: worse"), 2, "a.yaml:1:1: wrong\na.yaml:2:1: worse"),
        (ArchiveError("window 3 is damaged"), 3, "window 3 is damaged"),
        (OSError(errno.ENOSPC, "No space left on device", "out/a"), 1, "out/a: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "out: Permission denied"),
        (OSError(errno.EFBIG, "File too large", "out/a"), 1, "out/a: File too large"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "file/out"), 2, "file/out: Not a directory"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out/a.csv"), 2, "out/a.csv: Is a directory"),
        (FileExistsError(errno.EEXIST, "File exists", "out"), 2, "out: File exists"),
        (
            OSError(errno.ELOOP, "Too many levels of symbolic links", "a.lock"),
            2,
            "a.lock: Too many levels of symbolic links",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "gone"), 2, "gone: No such file or directory"),
        (InputError("names \x1b[31m and\na line break"), 2, r"names \x1b[31m and\na line break"),
        (PermissionError(errno.EACCES, "Permission denied", "\x1b]0;"), 2, r"\x1b]0;: Permission denied"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_of_a_verb_becomes_a_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, error: BaseException, code: int, shown: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(program, "app", fail)
    assert run(monkeypatch) == code
    captured = capsys.readouterr()
    assert captured.err.strip() == shown
    assert captured.out == ""


def test_a_file_system_that_does_not_sync_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(**_: object) -> None:
        raise SyncError(errno.EINVAL, "cannot be synced to disk (Invalid argument)", "share/out")

    monkeypatch.setattr(program, "app", fail)
    assert run(monkeypatch) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("share/out: cannot be synced to disk (Invalid argument); this file system cannot make")
    assert "local disk" in shown


def test_a_mistake_of_the_program_itself_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(program, "app", fail)
    with pytest.raises(ZeroDivisionError):
        program.main()


def test_help_names_the_verbs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    verbs = ("validate", "schema", "compose", "rollout", "inspect", "check", "export", "record", "train")
    assert all(f" {verb} " in shown for verb in (*verbs, "compress", "doctor"))


def test_freed_memory_stays_with_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(program, "keep_freed_memory", lambda: calls.append("kept"))
    monkeypatch.setattr(program, "app", lambda **_: calls.append("ran"))
    with pytest.raises(SystemExit):
        program.main()
    assert calls == ["kept", "ran"]


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"drivesim {__version__}\n"


@pytest.mark.parametrize("arguments", [("no-such-verb",), ("validate",), ("validate", "--no-such-option", "a.yaml")])
def test_a_wrong_command_line_exits_with_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert run(monkeypatch, *arguments) == 2
