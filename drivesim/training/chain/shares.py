"""How the time of a training chain is divided among its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivesim.errors import InputError
from drivesim.models.stages import STAGES, current_name

MOST = 1_000_000
"""The largest share, so that the sum of all shares is a finite number."""


@dataclass(frozen=True)
class Shares:
    """The share of the time of each stage that is trained, relative to the others; 0 leaves a stage out.

    Attributes:
        by_role: The shares by stage.
    """

    by_role: Mapping[str, float] = field(
        default_factory=lambda: {role: stage.share for role, stage in STAGES.items() if stage.config is not None}
    )

    def changed(self, texts: Sequence[str]) -> Shares:
        """Returns these shares with others for some stages, given as `image=0.3`.

        Raises:
            InputError: A stage is unknown, a share is not a number from 0 to `MOST`, or no share is left above 0.
        """
        shares = dict(self.by_role)
        for text in texts:
            name, _, number = text.partition("=")
            role = current_name(name)
            try:
                share = float(number)
            except ValueError:
                share = -1.0
            if role not in shares or not 0 <= share <= MOST:
                raise InputError(
                    f"--share: expected STAGE=NUMBER with a number of 0 to {MOST:,} and a stage of "
                    f"{', '.join(shares)}; got {text!r}"
                )
            shares[role] = share
        if not any(shares.values()):
            raise InputError("--share: at least one stage needs a share above 0")
        return Shares(shares)

    def only(self, names: Sequence[str]) -> Shares:
        """Returns the shares of these stages alone; one whose share is 0 gets the share 1.

        Raises:
            InputError: A stage is unknown, or is not trained.
        """
        roles = [current_name(name) for name in names]
        unknown = [name for name, role in zip(names, roles, strict=True) if role not in self.by_role]
        if unknown:
            raise InputError(f"--stage: expected some of {', '.join(self.by_role)}; got {', '.join(unknown)}")
        return Shares({role: (share or 1.0) if role in roles else 0.0 for role, share in self.by_role.items()})

    def seconds(self, role: str, minutes: float) -> float:
        """Returns the time of a stage out of `minutes`, in seconds."""
        return 60 * minutes * self.by_role[role] / sum(self.by_role.values())
