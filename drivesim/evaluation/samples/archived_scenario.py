"""The scenario that a finished archive was made of."""

from __future__ import annotations

import json

from drivesim.archive import Archive
from drivesim.errors import InputError
from drivesim.scenario import Scenario


def archived_scenario(archive: Archive) -> Scenario:
    """Returns the scenario that an archive was made from.

    Raises:
        InputError: The archive holds none.
    """
    try:
        return Scenario.model_validate_json(json.dumps(archive.provenance["scenario"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{archive.path}: was not made by a rollout of this drivesim") from None
