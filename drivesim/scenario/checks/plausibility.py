"""What a scenario says that no road, vehicle or camera can do: codes, places and messages.

Codes that begin with E stop a scenario; those with W are shown by `drivesim validate`, and stop it with `--strict`.
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

CODES = {
    "E101": "two actors overlap",
    "E102": "an actor overlaps the ego in the first frame",
    "E103": "a speed that no vehicle of its category reaches",
    "E104": "an acceleration that no tyre can give",
    "E105": "a vehicle that slides sideways",
    "E106": "two manoeuvres that change the same thing at the same time",
    "W201": "a box that floats: its lower edge is above the horizon",
    "W202": "a box under the road: its lower edge is too low for its size",
    "W203": "a size that does not fit the distance",
    "W204": "an actor that is out of the frame",
    "W205": "an actor that others hide",
    "W206": "an actor that is too small in the frame to be asked for",
    "W207": "crowdedness that contradicts the actors or boxes",
    "W208": "an actor beside the road",
    "W209": "an acceleration as in an emergency",
    "W210": "a manoeuvre that begins after the end",
    "W211": "an actor that collides with the ego later on",
    "W212": "a trajectory that ends before the scene does",
}


@dataclass(frozen=True)
class Finding:
    """Something implausible: its code, the path of the value in the file, and what is wrong."""

    code: str
    path: FieldPath
    message: str

    @property
    def stops(self) -> bool:
        """Whether it is an error."""
        return self.code.startswith("E")

    def __str__(self) -> str:
        return f"{self.code} {self.message}"


def findings(scenario: Scenario) -> list[Finding]:
    """Everything implausible about a scenario that is valid field by field."""
    return [Finding(code, path, message) for code, path, message in _all(scenario)]


def _all(scenario: Scenario) -> Iterator[tuple[str, FieldPath, str]]:
    yield from box_findings(scenario)
    yield from motion_findings(scenario)
    yield from trajectory_findings(scenario)
    yield from place_findings(scenario)
