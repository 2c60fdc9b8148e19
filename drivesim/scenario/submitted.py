"""Checks scenarios that come over a network. Unlike scenario files, they must not name files on this machine."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from drivesim.scenario.load import CheckedScenario, check_content
from drivesim.scenario.text.problems import scenario_error
from drivesim.scenario.text.yaml_document import read_document


def check_submitted(content: bytes, pictures: Container[str], folder: Path, file: str = "scenario") -> CheckedScenario:
    """Checks the content of a scenario as `check_content` does, and that it names no file except given pictures.

    Args:
        content: The YAML.
        pictures: Names that `first_frame` may have.
        folder: Folder of these pictures.
        file: Name of the scenario in messages.

    Raises:
        ScenarioError: The scenario is wrong, names another picture, or is a sweep. No file is read before these checks.
    """
    document = read_document(content, file)
    value = document.value if isinstance(document.value, dict) else {}
    picture = value.get("first_frame")
    if isinstance(picture, str) and picture not in pictures:
        message = "`first_frame`: expected the name of a picture that was uploaded here"
        document.note(document.place_of(("first_frame",)), message)
    if value.get("sweep") is not None:
        message = "`sweep`: this page shows one scene; write the cases with `drivesim expand`, then open one of them"
        document.note(document.key_place_of(("sweep",)), message)
    if document.problems:
        raise scenario_error(document.problems)
    return check_content(content, file, folder)
