"""Saving: a scenario as a file that means the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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
    fields = scenario.model_dump(exclude_unset=True)
    if f"{scenario.name}_ego.csv" in trajectory_files:
        fields["ego"]["trajectory"] = f"{scenario.name}_ego.csv"
    if (scene := scenario.scene) is not None:
        for index, actor in enumerate(fields.get("actors") or ()):
            if (name := f"{scenario.name}_{scene.id_of(index)}.csv") in trajectory_files:
                actor["trajectory"] = name
    return fields_yaml(fields, comment)


def fields_yaml(fields: Mapping[str, Any], comment: str = "") -> str:
    """Writes plain values by the fields of a scenario as YAML, in their order, whether or not they form a valid one."""
    text = yaml.dump(
        dict(fields),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    # Inside quotation marks, which is where such characters are, YAML may leave many of them as they are.
    text = "".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in text)
    shown = "".join(letter if letter.isprintable() else " " for letter in " ".join(comment.split()))
    return f"# {shown}\n{text}" if comment else text


def _escaped(letter: str) -> str:
    """Returns the escape sequence of a character in a quoted text of YAML."""
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


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
