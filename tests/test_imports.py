"""What importing costs: the package and its light layers pull in nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import drivesim

GOLDEN = Path(__file__).parent / "archive/golden/format_3.zarr"
HEAVY = {"torch", "gradio", "ray", "panda3d", "cv2", "av", "zarr", "fsspec", "filelock", "tensorboard", "onnxruntime"}


def modules_after(program: str) -> set[str]:
    """Top-level modules that a fresh Python has loaded after running the program."""
    listing = "import json, sys\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{program}\n{listing}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", ["drivesim", "drivesim.scenario", "drivesim.geometry.boxes", "drivesim.cli.main"])
def test_a_light_import_pulls_in_nothing_heavy(name: str) -> None:
    assert modules_after(f"import {name}") & HEAVY == set()


def test_the_package_itself_pulls_in_no_numpy() -> None:
    assert not modules_after("import drivesim") & {"numpy", "pydantic", "yaml"}


def test_help_pulls_in_nothing_heavy() -> None:
    program = "import sys; sys.argv = ['drivesim', '--help']\nfrom drivesim.cli.main import main\n"
    loaded = modules_after(program + "try: main()\nexcept SystemExit as stop: assert stop.code == 0")
    assert loaded & (HEAVY | {"numpy", "scipy"}) == set()


def test_an_archive_is_opened_without_torch_and_zarr_comes_with_the_first_frame() -> None:
    """Training uses this package for its sealed files, on machines that have no zarr."""
    program = f"from drivesim import open_archive\nrollout = open_archive({str(GOLDEN)!r}).rollouts[0]\n"
    assert modules_after(program) & {"torch", "zarr", "numcodecs", "fsspec"} == set()
    assert "zarr" in modules_after(f"{program}rollout.frames[0]")


def test_public_names_are_found_on_first_use() -> None:
    from drivesim.scenario import load_scenario

    assert drivesim.load_scenario is load_scenario


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = drivesim.no_such_name
