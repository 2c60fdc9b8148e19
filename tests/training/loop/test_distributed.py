"""Two gloo processes train one network."""

from __future__ import annotations

import os
import shutil
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

_SHARDED = """
import sys
from pathlib import Path
import torch
from drivesim.models.unet import UNet, UNetConfig
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.distributed import process_group, rank
from drivesim.training.loop.loop import Training
from drivesim.training.loop.sharding import is_sharded, part, shard, whole_network
from drivesim.training.stages.stage import LossTerm, TrainingConfig, named_parameters

CONFIG = UNetConfig(in_channels=4, base_channels=24, multipliers=(1, 2), attention_levels=(1,), head_dim=24)

class Stage:
    role, network, config = "image", None, TrainingConfig(1, learning_rate=0.02, warmup_steps=1, muon=True)
    def parameters(self):
        trained = {n: p for n, p in self.network.named_parameters() if not n.startswith("stem")}
        return {"network": named_parameters(self.network, trained)}
    def buffers(self):
        return {}
    def keep_best(self):
        pass
    def losses(self, step, used, generator):
        x = torch.randn(2, 1, 4, 8, 8, generator=generator)
        loss = (self.network(x, torch.tensor([10, 500])) - x.roll(1, -1)).square().mean()
        yield LossTerm("network", loss, {"loss": loss})

def trained(folder, sharded, steps):
    stage = Stage()
    torch.manual_seed(0)
    stage.network = UNet(CONFIG)
    with torch.no_grad():
        stage.network.conv_out.weight.normal_(std=0.1, generator=torch.Generator().manual_seed(1))
    if sharded:
        shard(stage.network, "cpu")
    training = Training(stage, folder, TrainingBudget(steps=8))
    reports = training.run()
    figures = [next(reports).figures for _ in range(steps - training.progress.step)]
    training.save()
    return training, figures

def gathered(training):
    return {name: tensor.clone() for name, tensor in training.state.tensors().items()}

out = Path(sys.argv[1])
with process_group("cpu"):
    whole, expected = trained(out / "whole", False, 4)
    divided, figures = trained(out / "divided", True, 4)
    assert is_sharded(divided.stage.network) and not is_sharded(whole.stage.network)
    held = sum(part(p).numel() for p in divided.stage.network.parameters())
    assert held < 0.6 * sum(p.numel() for p in whole.stage.network.parameters())
    for one, other in zip(expected, figures, strict=True):
        for name in ("loss", "network_gradient_norm"):
            assert abs(one[name] - other[name]) < 0.02 * abs(one[name]), (name, one, other)
    one, other = gathered(whole), gathered(divided)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.shape == other[name].shape, name
        error = (tensor - other[name]).norm() / tensor.norm().clamp(min=1e-3)
        assert error < 0.2, (name, error)  # Muon orthogonalises in bfloat16; other rows would be off by 1
    again, _ = trained(out / "divided", True, 4)
    assert again.progress.step == 4
    restored = gathered(again)
    assert all(torch.equal(other[name], restored[name]) for name in other)
    with again.average.applied():
        copy = whole_network(again.stage.network, "image").state_dict()
    averages = {n.removeprefix("average/"): t for n, t in restored.items() if n.startswith("average/")}
    assert averages and all(torch.equal(copy[name], tensor) for name, tensor in averages.items())
    after, _ = trained(out / "divided", False, 6)
    assert after.resumed_from is not None and after.progress.step == 6
    if rank() == 0:
        (out / "done").touch()
"""


def _torchrun(*arguments: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_gradients_are_averaged(tmp_path: Path) -> None:
    script = tmp_path / "average.py"
    script.write_text(_AVERAGE)
    _torchrun(str(script))


def test_the_command_trains_in_two_processes(logs: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(logs), "--out", str(tmp_path), "--preset", "tiny", "--steps", "2", "--threads", "1"]
    _torchrun("-m", "drivesim", "train", "autoencoder", "--batch-size", "2", *arguments)
    assert load_checkpoint(tmp_path / "autoencoder.safetensors", "autoencoder")


def test_a_sharded_training_equals_a_whole_one(tmp_path: Path) -> None:
    """FSDP2: each process holds half of it, the steps are the same, and its states are those of a whole training."""
    script = tmp_path / "sharded.py"
    script.write_text(_SHARDED)
    _torchrun(str(script), str(tmp_path))
    assert (tmp_path / "done").is_file()


def test_the_command_exports_a_sharded_network(logs: Path, tiny_checkpoints: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_checkpoints / "autoencoder.safetensors", tmp_path)
    arguments = ["--data", str(logs), "--out", str(tmp_path), "--preset", "tiny", "--steps", "1", "--threads", "1"]
    _torchrun("-m", "drivesim", "train", "image", "--shard", "--batch-size", "2", *arguments)
    assert load_checkpoint(tmp_path / "image.safetensors", "image")
    assert list((tmp_path / "training" / "image").glob("samples_0_*.png"))
