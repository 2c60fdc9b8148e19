"""The page of the library belongs to the scenarios that ship."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import pytest

from drivesim.assets import scenario_library

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def library() -> ModuleType:
    spec = importlib.util.spec_from_file_location("library_page", DOCS / "library.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_scenarios(library: ModuleType) -> None:
    assert (DOCS / "library.md").read_text(encoding="utf-8") == library.page(), "run: python docs/library.py"


def test_every_scenario_has_a_small_picture(library: ModuleType) -> None:
    pictures = {file.stem: file for file in (DOCS / "pictures" / "library").iterdir()}
    assert set(pictures) == {file.stem for file in scenario_library().glob("*.yaml")}
    for file in pictures.values():
        assert file.stat().st_size < 40_000
        assert cv2.imread(str(file)).shape == (library.HEIGHT_PX, library.WIDTH_PX, 3)
