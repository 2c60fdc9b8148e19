"""User-facing errors: each says what was expected, what was found, where, and what to do.

Every error is a domain type and a builtin type, and carries an exit code of the command line: 2 for bad input, 3 for a
damaged archive or for files that another process holds.
"""

from __future__ import annotations

from functools import partial

from drivesim.escapes import escaped


class DrivesimError(Exception):
    """Base class of all errors that a user can cause or repair; shown as one line, never as a traceback."""

    exit_code = 1

    def explained(self) -> str:
        """Returns the message as a terminal may show it: in one line, and whatever it quotes from files is escaped."""
        return escaped(self)


class InputError(DrivesimError, ValueError):
    """An argument or a file of the user cannot be used."""

    exit_code = 2


class ScenarioError(InputError):
    """A scenario file is wrong. Each argument is one problem, shown as `file:line:col: message`.

    Attributes:
        num_more: Number of further problems, which are not among the arguments.
    """

    def __init__(self, *problems: object, num_more: int = 0) -> None:
        super().__init__(*problems)
        self.num_more = num_more

    def __str__(self) -> str:
        return "\n".join([*map(str, self.args), *self._more()])

    def explained(self) -> str:
        """Returns all problems, each with its line below it, in which the offending text is underlined."""
        problems = [getattr(problem, "explained", partial(escaped, problem))() for problem in self.args]
        return "\n".join([*problems, *self._more()])

    def _more(self) -> list[str]:
        if not self.num_more:
            return []
        return ["and 1 more problem" if self.num_more == 1 else f"and {self.num_more} more problems"]


class CheckpointError(InputError):
    """A checkpoint is missing, is not a safetensors file, or does not fit the model."""


class FootageError(InputError):
    """A drive log, video or picture cannot be used."""


class FootageWriteError(DrivesimError, OSError):
    """Footage could not be written, for example to a full disk. What is complete stays; the same command continues."""


class LockHeldError(DrivesimError, RuntimeError):
    """Another process holds a lock; `owner` describes that process in words."""

    exit_code = 3

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message, owner)
        self.owner = owner

    def __str__(self) -> str:
        return str(self.args[0])


class MissingExtraError(DrivesimError, ImportError):
    """An optional dependency is not installed; the message names the extra to install."""

    exit_code = 2


class OutOfMemoryError(DrivesimError, MemoryError):
    """The memory of this machine, or of its GPU, does not suffice for what was asked."""


class ArchiveError(DrivesimError, RuntimeError):
    """An archive is damaged; the message names array, window and file."""

    exit_code = 3


class ArchiveLockedError(ArchiveError):
    """Another writer holds the archive; the message names it."""


class ArchiveWriteError(DrivesimError, OSError):
    """An archive could not be written, for example to a full disk. Committed windows stay; the command continues."""


class DivergenceError(DrivesimError, ArithmeticError):
    """A training diverged: its numbers are no longer finite. Its last good state and checkpoint stay."""


class TrainingWriteError(DrivesimError, OSError):
    """A training could not be saved, for example to a full disk. Its last state stays; the same command continues."""
