"""The round that a chain is in: the footage at its beginning and at its end, kept in `training/chain.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivesim import durable
from drivesim.archive.sealed_json import seal, unseal
from drivesim.errors import CheckpointError
from drivesim.training.chain.footage_survey import footage_digest

_FILE = "chain.json"


@dataclass(frozen=True)
class Round:
    """A round of a chain.

    Attributes:
        began: The footage (`footage_parts`) when the round began.
        ended: The footage at its end; None while it is under way.
    """

    began: dict[str, str]
    ended: dict[str, str] | None = None

    @classmethod
    def under_way(cls, folder: Path, footage: dict[str, str]) -> Round:
        """Returns the round of a chain whose footage is now `footage`.

        A round that is not complete goes on while all footage that it began with is there. What was added waits for
        the next round, unless the chain recorded it itself.

        Raises:
            CheckpointError: The record in the folder is damaged.
        """
        path = folder / _FILE
        if not path.is_file():
            return cls(footage)
        try:
            content = unseal(path.read_bytes())
            last = cls(content["began"], content["ended"])
        except (ValueError, KeyError) as error:
            raise CheckpointError(
                f"{path}: the record of the chain is damaged ({error}); remove it, and every stage trains on from "
                "its weights"
            ) from None
        if last.ended is not None:
            return last if last.ended == footage else cls(footage)
        return last if last.began.items() <= footage.items() else cls(footage)

    @property
    def identity(self) -> str:
        """The footage that the stages of this round are trained on, as one sha256."""
        return footage_digest(self.began)

    @property
    def is_complete(self) -> bool:
        """Whether every stage was trained in this round."""
        return self.ended is not None

    def begin(self, folder: Path) -> None:
        """Records that the round is under way, unless that is recorded already. Raises OSError."""
        self._write(folder, {"began": self.began, "ended": None})

    def complete(self, folder: Path, footage: dict[str, str]) -> None:
        """Records that the round is complete, with the present footage. Raises OSError if it cannot be written."""
        self._write(folder, {"began": self.began, "ended": footage})

    def _write(self, folder: Path, content: dict[str, dict[str, str] | None]) -> None:
        durable.write_changed_file(folder / _FILE, seal(content))
