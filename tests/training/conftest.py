"""Drive logs of moving rectangles, small enough to train every stage of the tiny preset on; stages that need neither
footage nor time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drivesim.data.drive_log import DriveLogWriter, split_of
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.models.checkpoints import BASE_OF, build, load_checkpoint
from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.presets import Preset, tiny
from drivesim.models.temporal import temporal_parameters
from drivesim.training.loop import metrics
from drivesim.training.preparation.request import StageRequest
from drivesim.training.stages.stage import LossTerm, TrainingConfig, named_parameters

HEIGHT, WIDTH = 128, 256


def _log(folder: Path, number: int, fps: float, num_frames: int) -> None:
    rng = np.random.default_rng(number)
    night = bool(number % 2)
    background = rng.integers(10, 40, 3) if night else rng.integers(120, 220, 3)
    colour, left, speed = rng.integers(0, 255, 3), rng.integers(0, 120), rng.integers(1, 6)
    header = DriveLogLabels(source="test", fps=fps, width=WIDTH, height=HEIGHT, time_of_day="night" if night else "day")
    with DriveLogWriter(folder, header) as writer:
        for index in range(num_frames):
            frame = np.tile(background.astype(np.uint8), (HEIGHT, WIDTH, 1))
            x0 = int(left + index * speed) % 200
            frame[60:100, x0 : x0 + 50] = colour
            box = (float(x0), 60.0, float(x0 + 50), 100.0)
            vehicle = VehicleLabel(1, "car", box, box, 15.0, 1.0)
            writer.write(frame, FrameLabel(index / fps, float(speed), 0.0, (vehicle,)))


def _names(count: int) -> list[str]:
    """Names of which some are held out."""
    train = [name for i in range(1000) if split_of(name := f"log_{i:04d}") == "train"][: count - 2]
    held_out = [name for i in range(1000) if split_of(name := f"log_{i:04d}") == "held_out"][:2]
    return train + held_out


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs at 10 and at 40 frames a second."""
    root = tmp_path_factory.mktemp("logs")
    for number, name in enumerate(_names(6)):
        _log(root / "clips" / name, number, 10.0, 32)
        _log(root / "fast" / name, number + 100, 40.0, 8)
    return root


@pytest.fixture(scope="session")
def long_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs with one frame per keyframe, long enough for three windows in a row."""
    root = tmp_path_factory.mktemp("long_logs")
    for number, name in enumerate(_names(4)):
        _log(root / name, number, tiny().video.keyframe_fps, 20)
    return root


class QuickStage:
    """Pulls the weights of a stage's network towards random numbers."""

    def __init__(self, request: StageRequest) -> None:
        self.role, self.config = request.role, TrainingConfig(batch_size=1, warmup_steps=2)
        torch.manual_seed(0)
        self.network = build(self.role, request.preset)
        base, temporal = BASE_OF.get(self.role), None
        if base is not None:
            known = load_checkpoint(request.checkpoint(base), base).state_dict()
            self.network.load_state_dict({**self.network.state_dict(), **known})
            temporal = temporal_parameters(self.network)
        if request.keep_encoder:
            temporal = {n: p for n, p in self.network.named_parameters() if n.startswith("decoder.")}
        if request.initial is not None:
            known = stage_tensors(request.initial / f"{self.role}.safetensors", self.role)
            self.network.load_state_dict({**self.network.state_dict(), **known})
        self._trained = named_parameters(self.network, temporal)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        return {"network": self._trained}

    def buffers(self) -> dict[str, Tensor]:
        return {}

    def refresh(self) -> int:
        return 0

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        aim = torch.randn((), generator=generator)
        loss = torch.stack([(parameter - aim).square().mean() for parameter in self._trained.values()]).mean()
        yield LossTerm("network", loss, {"loss": loss})

    def keep_best(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def held_out(self) -> dict[str, float]:
        return {"held_out_loss": float(self._first().square().mean()), "held_out_samples": 3}

    def pictures(self) -> dict[str, np.ndarray]:
        return {"weights": (255 * self._first()[:12].reshape(2, 2, 3).clamp(0, 1)).byte().numpy()}

    def _first(self) -> Tensor:
        return torch.cat([parameter.detach().flatten() for parameter in self._trained.values()])


@pytest.fixture
def quick_stage(monkeypatch: pytest.MonkeyPatch) -> type[QuickStage]:
    """Makes a stage of a request. No TensorBoard log is written: it would carry the time in its name."""
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)
    return QuickStage


@pytest.fixture(scope="session")
def quick_preset() -> Preset:
    """Smaller than tiny, for stages that are trained hundreds of times."""
    image = replace(tiny().image, base_channels=8, multipliers=(1,), attention_levels=(), head_dim=8)
    temporal = replace(tiny().prediction, attention_levels=(), head_dim=8)
    return replace(tiny(), image=image, prediction=temporal, interpolation=replace(temporal, frame_rate=True))
