"""Everything implausible about a scenario, with codes, places and messages.

Codes that begin with E are errors, which stop a scenario. Codes that begin with W are warnings, which `drivesim
validate` shows, and which stop a scenario with `--strict`. `docs/scenarios.md` lists all codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivesim.scenario.checks.boxes import box_findings
from drivesim.scenario.checks.motion import motion_findings
from drivesim.scenario.checks.places import place_findings
from drivesim.scenario.checks.trajectories import trajectory_findings
from drivesim.scenario.text.problems import FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario


@dataclass(frozen=True)
class PlausibilityFinding:
    """Something implausible: its code, the path of the value in the file, and what is wrong."""

    code: str
    path: FieldPath
    message: str

    @property
    def stops(self) -> bool:
        """Whether it is an error, so that the scenario cannot be run."""
        return self.code.startswith("E")

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


def findings(scenario: Scenario) -> list[PlausibilityFinding]:
    """Returns everything implausible about a scenario that is valid field by field."""
    return [PlausibilityFinding(code, path, message) for code, path, message in _all(scenario)]


def _all(scenario: Scenario) -> Iterator[tuple[str, FieldPath, str]]:
    yield from box_findings(scenario)
    yield from motion_findings(scenario)
    yield from trajectory_findings(scenario)
    yield from place_findings(scenario)
