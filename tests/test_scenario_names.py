"""Scenario files that code and documentation name must exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED_SCENARIO = re.compile(r"\bscenarios/(\w+)\.yaml")


def test_every_scenario_that_is_named_is_in_the_library() -> None:
    shipped = {file.stem for file in (ROOT / "scenarios").glob("*.yaml")}
    pages = [*(ROOT / "drivesim").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {
        (page.relative_to(ROOT).as_posix(), name) for page in pages for name in NAMED_SCENARIO.findall(page.read_text())
    }
    assert named, "nothing names a scenario any more: this test would pass without checking anything"
    assert sorted((page, name) for page, name in named if name not in shipped) == []
