"""What jobs of one kind take on this machine, kept from one dry run to the next.

A measurement is a file in the user's cache, `~/.cache/drivesim/rates` or below `XDG_CACHE_HOME`. It is found again on
the same machine for the same checkpoints and settings.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from drivesim import durable
from drivesim.archive.files import FileProblem, read_file
from drivesim.archive.sealed_json import canonical_json, sha256
from drivesim.rollout.identity import library_versions

_MAX_BYTES = 4096

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Rates:
    """What jobs of one kind take: seconds per worker start, per window and per frame, and bytes per frame."""

    start_s: Amount
    window_s: Amount
    frame_s: Amount
    frame_bytes: Amount


@dataclass(frozen=True)
class RatesFile:
    """The place of one measurement."""

    path: Path

    @classmethod
    def of(cls, kind: str) -> RatesFile:
        """Returns the place for jobs of a kind on this machine."""
        machine = [platform.node(), platform.machine(), platform.processor(), os.cpu_count()]
        content = {"kind": kind, "machine": machine, "versions": library_versions()}
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        return cls(Path(cache) / "drivesim" / "rates" / f"{sha256(canonical_json(content))[:24]}.json")

    def read(self) -> Rates | None:
        """Returns the measurement; None if there is none that can be used."""
        try:
            content = read_file(self.path.parent, self.path.name, _MAX_BYTES)
            return TypeAdapter(Rates).validate_json(content, strict=True)
        except (OSError, ValueError, FileProblem):
            return None

    def write(self, rates: Rates) -> None:
        """Keeps a measurement. A cache that cannot be written costs no more than another measurement."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            durable.write_file(self.path, canonical_json(asdict(rates)))
        except OSError:
            return
