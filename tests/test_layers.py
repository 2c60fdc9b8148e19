"""The order of the layers, read from the imports: each part may import only those before it."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "drivesim"
UI = ROOT / "ui"
ORDER = (
    "escapes",
    "errors",
    "regular_files",
    "wording",
    "durable",
    "locks",
    "memory",
    "allocator",
    "waiting",
    "assets",
    "distances",
    "geometry",
    "diffusion",
    "scenario",
    "archive",
    "detection",
    "models",
    "data",
    "world",
    "training",
    "engine",
    "rollout",
    "batch",
    "evaluation",
    "cli",
)
TORCH_FREE = (
    "escapes",
    "errors",
    "regular_files",
    "wording",
    "durable",
    "locks",
    "memory",
    "allocator",
    "waiting",
    "assets",
    "distances",
    "geometry",
    "scenario",
    "archive",
    "detection",
)
PUBLIC = {
    "drivesim",
    "drivesim.errors",
    "drivesim.scenario",
    "drivesim.scenario.previews",
    "drivesim.archive",
    "drivesim.engine",
    "drivesim.rollout",
    "drivesim.batch",
}
# Libraries that belong to one place: who imports them elsewhere has put something in the wrong layer.
AT_HOME = {
    "ray": ("drivesim/batch/ray_runner.py",),
    "gradio": ("ui/",),
    "panda3d": ("drivesim/world/",),
    "typer": ("drivesim/cli/",),
    "zarr": ("drivesim/archive/",),
    "fsspec": ("drivesim/archive/stores/remote.py", "drivesim/data/remote.py"),
    "filelock": ("drivesim/locks.py",),
    "onnxruntime": ("drivesim/detection/onnx/",),
}


@cache
def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"{folder} holds no Python file, so a test that walks it would check nothing"
    return found


def ui_files() -> list[Path]:
    """The files of the browser page; an empty list only as long as its folder is missing."""
    return files(UI) if UI.exists() else []


@cache
def imports(file: Path) -> list[tuple[str, int]]:
    """Dotted names that a file imports, anywhere in it, each with its line; `from a import b` gives `a.b`."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import by the full name"
            found += ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
    return found


def layer_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def project_layers(file: Path) -> Iterator[tuple[str, int]]:
    parts = {layer_of(other) for other in files(PACKAGE)}
    for name, line in imports(file):
        top, *rest = name.split(".")
        if top == "drivesim" and rest and rest[0] in parts:
            yield rest[0], line


def private_imports(paths: list[Path]) -> list[str]:
    """Names that files outside of the package import from it although they are not public."""
    return [
        f"{file.name}:{line}: {name}"
        for file in paths
        for name, line in imports(file)
        if name.split(".")[0] == "drivesim" and name.rpartition(".")[0] not in PUBLIC
    ]


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files(PACKAGE)}
    modules = {name.removesuffix(".__init__"): file for name, file in modules.items()}

    def module_of(name: str) -> str:
        while name not in modules:
            name = name.rpartition(".")[0]
        return name

    graph = {
        module: {module_of(name) for name, _ in imports(file) if name.split(".")[0] == "drivesim"} - {module}
        for module, file in modules.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the modules of a circle


def test_every_part_has_its_place_in_the_order() -> None:
    parts = {layer_of(file) for file in files(PACKAGE)} - {"__init__", "__main__"}
    assert parts <= set(ORDER)


@pytest.mark.parametrize("layer", ORDER)
def test_a_layer_imports_only_those_before_it(layer: str) -> None:
    allowed = set(ORDER[: ORDER.index(layer) + 1])
    if layer in ("detection", "engine"):
        allowed.remove("archive")
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {found}"
        for file in files(PACKAGE)
        if layer_of(file) == layer
        for found, line in project_layers(file)
        if found not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", TORCH_FREE)
def test_a_torch_free_layer_imports_no_torch(layer: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files(PACKAGE)
        if layer_of(file) == layer
        for name, line in imports(file)
        if name.split(".")[0] == "torch" or name.startswith("safetensors.torch")
    ]
    assert wrong == []


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_stays_in_its_place(library: str) -> None:
    wrong = [
        f"{path}:{line}"
        for file in [*files(PACKAGE), *ui_files()]
        if not (path := file.relative_to(ROOT).as_posix()).startswith(AT_HOME[library])
        for name, line in imports(file)
        if name.split(".")[0] == library
    ]
    assert wrong == []


def test_private_imports_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("from drivesim.scenario import load_scenario\nfrom drivesim.world.quads import discs\n")
    assert private_imports([page]) == ["page.py:2: drivesim.world.quads.discs"]


@pytest.mark.skipif(not UI.exists(), reason="there is no browser page yet")
def test_the_ui_imports_public_names_only() -> None:
    assert private_imports(ui_files()) == []
