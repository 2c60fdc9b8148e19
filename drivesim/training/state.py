"""Training state on disk: a new folder a save, renamed into place, then `LATEST`; safetensors and JSON only."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from drivesim.errors import CheckpointError
from drivesim.training.ema import MovingAverage
from drivesim.training.optimizer import NetworkOptimizer

_LATEST = "LATEST"


def save_state(
    folder: Path,
    step: int,
    elapsed_s: float,
    parameters: dict[str, dict[str, nn.Parameter]],
    optimizers: dict[str, NetworkOptimizer],
    average: MovingAverage,
    buffers: dict[str, Tensor],
) -> None:
    """Saves everything that the next step depends on; the state before stays until this one is whole."""
    tensors = {f"average/{name}": tensor for name, tensor in average.average.items()}
    tensors |= {f"buffer/{name}": tensor for name, tensor in buffers.items()}
    for group, named in parameters.items():
        for name, parameter in named.items():
            tensors[f"{group}/{name}"] = parameter.detach()
            for key, value in optimizers[group].moments(parameter).items():
                tensors[f"{group}.{key}/{name}"] = torch.as_tensor(value)
    target = folder / f"{step:08d}"
    temporary = folder / f"{step:08d}.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, temporary / "state.safetensors")
    (temporary / "progress.json").write_text(json.dumps({"step": step, "elapsed_s": elapsed_s}))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)
    (folder / f"{_LATEST}.partial").write_text(target.name)
    os.replace(folder / f"{_LATEST}.partial", folder / _LATEST)
    for old in folder.iterdir():
        if old.is_dir() and old.name != target.name:
            shutil.rmtree(old, ignore_errors=True)


def load_state(
    folder: Path,
    parameters: dict[str, dict[str, nn.Parameter]],
    optimizers: dict[str, NetworkOptimizer],
    average: MovingAverage,
    buffers: dict[str, Tensor],
) -> tuple[int, float]:
    """Restores the last saved state; returns its step and the seconds trained so far, (0, 0) where there is none.

    Raises CheckpointError where the state does not fit the network.
    """
    if not (folder / _LATEST).is_file():
        return 0, 0.0
    saved = folder / (folder / _LATEST).read_text().strip()
    tensors = load_file(saved / "state.safetensors")
    progress = json.loads((saved / "progress.json").read_text())
    try:
        with torch.no_grad():
            for name in average.average:
                average.average[name].copy_(tensors[f"average/{name}"])
            for name, buffer in buffers.items():
                buffer.copy_(tensors[f"buffer/{name}"])
            for group, named in parameters.items():
                for name, parameter in named.items():
                    parameter.copy_(tensors[f"{group}/{name}"])
                    optimizers[group].restore(parameter, _moments(tensors, group, name, parameter))
    except (KeyError, RuntimeError) as error:
        message = f"{saved}: the training state does not fit this network ({error}); use another output folder"
        raise CheckpointError(message) from None
    return progress["step"], progress["elapsed_s"]


def _moments(tensors: dict[str, Tensor], group: str, name: str, parameter: nn.Parameter) -> dict[str, Tensor]:
    moments = {
        key: tensors[f"{group}.{key}/{name}"].to(parameter.device)
        for key in ("exp_avg", "exp_avg_sq", "momentum_buffer")
        if f"{group}.{key}/{name}" in tensors
    }
    if "exp_avg" in moments:
        moments["step"] = tensors[f"{group}.step/{name}"]
    return moments
