"""Saving: a scenario as a file that means the same."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import yaml

from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.text.yaml_scalars import plain_scalar

SCHEMA_FILE = "scenario.schema.json"
SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def scenario_yaml(scenario: Scenario, comment: str = "", trajectory_files: Collection[str] = ()) -> str:
    """Returns a scenario as YAML, without keys that it leaves to their defaults.

    The text can be read again as the same scenario; a picture is named by the path at which it was found.

    Args:
        scenario: The scenario.
        comment: Text of a comment in the first line.
        trajectory_files: Names of files, `<scenario>_<id>.csv`, that stand for trajectories; the caller writes them.
    """
    said = scenario.model_dump(exclude_unset=True)
    if f"{scenario.name}_ego.csv" in trajectory_files:
        said["ego"]["trajectory"] = f"{scenario.name}_ego.csv"
    for index, actor in enumerate(said.get("actors") or ()):
        if (name := f"{scenario.name}_{scenario.scene.id_of(index)}.csv") in trajectory_files:
            actor["trajectory"] = name
    text = yaml.dump(
        said,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    shown = "".join(letter if letter.isprintable() else " " for letter in " ".join(comment.split()))
    return f"# {shown}\n{text}" if comment else text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quotes a text unless no reader could take it for another value."""
    plain = _PLAIN.fullmatch(text) and isinstance(plain_scalar(text), str) and text.lower() not in _TAKEN_OTHERWISE
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_TAKEN_OTHERWISE = {"y", "n", "yes", "no", "on", "off"}
"""Words that are booleans in YAML 1.1; drivesim reads them as text, but other tools read these files too."""
_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, lambda dumper, values: dumper.represent_list(values))
