"""Writes a scenario as a file that says the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.text.yaml_scalars import plain_scalar

SCHEMA_FILE = "scenario.schema.json"
SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def scenario_yaml(scenario: Scenario, comment: str = "") -> str:
    """YAML of what a scenario says, without what it leaves to defaults, after one line of comment.

    Read again it is the same scenario; a picture stands with the path it was found at.
    """
    return fields_yaml(scenario.model_dump(exclude_unset=True), comment)


def fields_yaml(fields: Mapping[str, Any], comment: str = "") -> str:
    """YAML of plain values by the fields of a scenario, in their order, whether or not they make a valid one."""
    text = yaml.dump(
        dict(fields),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    return f"# {' '.join(comment.split())}\n{text}" if comment else text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quoted unless it is a word that no reader could take for something else."""
    plain = _PLAIN.fullmatch(text) and isinstance(plain_scalar(text), str) and text.lower() not in _TAKEN_OTHERWISE
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


# Words that YAML 1.1 readers take for booleans; drivesim does not, but other tools read these files too.
_TAKEN_OTHERWISE = {"y", "n", "yes", "no", "on", "off"}
_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, lambda dumper, values: dumper.represent_list(values))
