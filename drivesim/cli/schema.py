"""`drivesim schema`: the JSON schema of scenario files, for editors."""

from __future__ import annotations

import json
from typing import Any

import typer


def schema() -> None:
    """Print the JSON schema of scenario files, with which editors complete and check them."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Returns the JSON schema as it is stored beside the scenarios of the library."""
    from drivesim.scenario import Scenario

    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
        "title": "drivesim scenario, format 1",
    }
    for part in (document, *document["$defs"].values()):
        for field in part["properties"].values():
            _describe(field)
    return json.dumps(document, indent=2) + "\n"


def _describe(field: dict[str, Any]) -> None:
    """Moves the description of an optional field to the place where editors look for it, beside the alternatives."""
    for alternative in field.get("anyOf", ()):
        if "description" in alternative:
            field.setdefault("description", alternative.pop("description"))
