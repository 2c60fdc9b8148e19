"""Two gloo processes train one network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from drivesim.models.checkpoints import load_checkpoint

_AVERAGE = """
import torch
from torch import nn
from drivesim.training.loop.distributed import agreed, average_gradients, process_group, rank, world_size
with process_group("cpu"):
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.full((1, 2), 1.0 + rank())
    average_gradients(layer.parameters())
    assert world_size() == 2
    assert layer.weight.grad.tolist() == [[1.5, 1.5]]
    assert layer.bias.grad is None
    assert agreed(float(rank())) == 0.0
"""


def _torchrun(*arguments: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_gradients_are_averaged(tmp_path: Path) -> None:
    script = tmp_path / "average.py"
    script.write_text(_AVERAGE)
    _torchrun(str(script))


def test_the_command_trains_in_two_processes(logs: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(logs), "--out", str(tmp_path), "--preset", "tiny", "--steps", "2", "--threads", "1"]
    _torchrun("-m", "drivesim", "train", "autoencoder", "--batch-size", "2", *arguments)
    assert load_checkpoint(tmp_path / "autoencoder.safetensors", "autoencoder")
