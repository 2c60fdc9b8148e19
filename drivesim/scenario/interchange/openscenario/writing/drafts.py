"""The ego and the actors of an import before validation; parts that a scenario cannot contain are dropped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from drivesim.errors import InputError
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.interchange.openscenario.reading.notes import Notes
from drivesim.scenario.schema.actors import MAX_ACTORS
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.text.problems import FieldPath


@dataclass
class Draft:
    """The ego or an actor in alternative forms, the best first, each as fields of a scenario file."""

    name: str
    element: ET.Element
    forms: list[dict[str, Any]]
    id: str | None = None

    def plain(self) -> dict[str, Any]:
        """Returns the draft as it is written in a scenario file."""
        return ({"id": self.id} if self.id else {}) | self.forms[0]


def with_ids(drafts: list[Draft]) -> None:
    """Sets the id of each actor to its name in the file, as far as that is a valid id."""
    taken: set[str] = set()
    for draft in drafts:
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", draft.name).lstrip("_-")[:32]
        if name and name not in taken:
            taken.add(name)
            draft.id = name


def accepted(shared: Mapping[str, Any], ego: Draft, actors: list[Draft], notes: Notes) -> Scenario:
    """Returns the scenario of these parts, without those that it cannot contain, each of which is noted as dropped."""
    for draft in actors[MAX_ACTORS:]:
        notes.dropped(draft.element, f"entity {draft.name}", f"more than {MAX_ACTORS} actors")
    del actors[MAX_ACTORS:]
    while True:
        plain = {**shared, "ego": ego.plain(), "actors": [actor.plain() for actor in actors]}
        try:
            scenario = Scenario.model_validate(plain)
            problems = [(finding.path, str(finding)) for finding in findings(scenario) if finding.stops]
        except ValidationError as error:
            problems = list(misfits(error))
        if not problems:
            return scenario
        _drop(problems, ego, actors, notes)


def _drop(problems: Iterable[tuple[FieldPath, str]], ego: Draft, actors: list[Draft], notes: Notes) -> None:
    """Replaces or removes the parts that have problems, from the last to the first, so that indices stay valid."""
    parts: dict[int, str] = {}
    for path, why in problems:
        match path:
            case ("ego", *_):
                parts.setdefault(-1, why)
            case ("actors", int(actor), *_):
                parts.setdefault(actor, why)
            case _:
                raise InputError(f"{notes.tree.file}: {ego.name} cannot be the ego: {why}")
    for actor, why in sorted(parts.items(), reverse=True):
        draft = ego if actor < 0 else actors[actor]
        if len(draft.forms) > 1:
            del draft.forms[0]
        elif draft is ego:
            raise InputError(f"{notes.tree.file}: {ego.name} cannot be the ego: {why}")
        else:
            notes.dropped(draft.element, f"entity {draft.name}", why)
            del actors[actor]
