"""Threads wait asleep unless the user says otherwise; the variable is set before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from drivesim.waiting import compute_with, wait_passively

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what the function sets is undone
        monkeypatch.delenv(name)


def test_threads_wait_asleep() -> None:
    assert wait_passively()
    assert not wait_passively()  # it is set up by now


@pytest.mark.parametrize("name", VARIABLES)
def test_what_the_user_has_set_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1000")
    before = dict(os.environ)
    assert not wait_passively()
    assert dict(os.environ) == before


def test_torch_computes_with_the_threads_asked_for_whether_it_is_loaded_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so that what the function sets is undone
    before = torch.get_num_threads()
    try:
        compute_with(3)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    code = "from drivesim.waiting import compute_with\ncompute_with(2)\nimport torch\nprint(torch.get_num_threads())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["2"]


def test_the_program_sets_it_before_it_loads_torch() -> None:
    code = (
        "import os, sys\nfrom drivesim.cli import main\n"
        "assert 'torch' not in sys.modules\nsys.argv[1:] = ['--version']\n"
        "try: main.main()\nexcept SystemExit: print(os.environ['OMP_WAIT_POLICY'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == "PASSIVE"
