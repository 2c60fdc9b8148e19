"""How the time of a training chain is divided among its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from drivesim.errors import InputError

MOST = 1_000_000
"""The largest share, so that their sum is a number too."""


@dataclass(frozen=True)
class Shares:
    """Share of the time for each stage, relative to the others; 0 leaves a stage out. `layouts` takes no time."""

    autoencoder: float = 0.22
    image: float = 0.26
    prediction: float = 0.18
    interpolation: float = 0.10
    decoder: float = 0.03
    upsampler_image: float = 0.12
    upsampler: float = 0.04
    reader: float = 0.05

    def changed(self, texts: Sequence[str]) -> Shares:
        """These shares with others for some stages, given as `image=0.3`.

        Raises InputError for an unknown stage, for what is no number of 0 to `MOST`, and where nothing is left.
        """
        known, given = [field.name for field in fields(self)], {}
        for text in texts:
            role, _, number = text.partition("=")
            try:
                given[role] = float(number)
            except ValueError:
                given[role] = -1.0
            if role not in known or not 0 <= given[role] <= MOST:
                raise InputError(
                    f"--share: expected STAGE=NUMBER with a number of 0 to {MOST:,} and a stage of {', '.join(known)}; "
                    f"got {text!r}"
                )
        shares = replace(self, **given)
        if not any(getattr(shares, role) for role in known):
            raise InputError("--share: at least one stage needs a share above 0")
        return shares

    def seconds(self, role: str, minutes: float) -> float:
        """The time for a stage out of `minutes`, in seconds."""
        total = sum(getattr(self, field.name) for field in fields(self))
        return 60 * minutes * getattr(self, role) / total
