"""`drivesim schema`: the JSON schema of scenario files, for editors."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON schema of scenario files, for completion and checks in an editor."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """The JSON schema, as it lies beside the scenarios of the library."""
    from drivesim.scenario import Scenario

    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
        "title": "drivesim scenario, format 1",
    }
    return json.dumps(document, indent=2) + "\n"
