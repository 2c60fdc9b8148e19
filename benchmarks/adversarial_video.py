"""Trains the adversarial video generator of adversarial_networks.py on footage, and measures its clips.

python benchmarks/adversarial_video.py logs --out adversarial [--minutes 60] [--enlarger-share 0.4] [--batch-size 8]
                                       [--frames 24] [--fps 10] [--evaluate-on FOLDER] [--starts 64] [--threads 1]
                                       [--device cpu]

This is the baseline of another family for the first row of the table of `benchmarks/ablations.py`: it sees the same
footage for the same time. It is unconditional, as in the paper, so its clips continue no recorded frame. Running the
same command again continues where it stopped. Both generators are trained by the non-saturating loss with R1
(Mescheder et al., 2018), and all clips are shifted and coloured at random before they are judged (Zhao et al., 2020),
each clip as a whole. Measured are held-out logs, or all logs of the folder that `--evaluate-on` names.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from adversarial_networks import FACTOR, AdversarialConfig, Discriminator, Enlarger, Generator
from einops import rearrange
from evaluation_logs import evaluated_moments, held_out_of, read_arguments
from torch import Tensor, nn
from torch.nn import functional as F

from drivesim.cli.evaluate.figures import deliver
from drivesim.data.clips import FootageTensors, clip_places, draw
from drivesim.data.packed import footage_under
from drivesim.evaluation.metrics.features import EfficientNetLite0
from drivesim.evaluation.protocol import Report
from drivesim.evaluation.video.measures.features import StackedFeatures
from drivesim.evaluation.video.report import Compared, Instruments, Part, video_figures
from drivesim.evaluation.video.sources.videos import Video, recorded_videos
from drivesim.models.pixels import grid, to_bytes
from drivesim.training.loop.randomness import step_generator

_EMA, _R1, _R1_EVERY = 0.995, 1.0, 8
KEYFRAME_STRIDE = 4
"""Every so many frames of a clip are keyframes."""
_SIDE = 32  # of the low-resolution patches that the enlarger is trained on


@dataclass
class Adversaries:
    """A generator, its running average and its discriminator, with their optimisers.

    name: of the file of the state.
    device: where they are trained.
    """

    name: str
    generator: nn.Module
    discriminator: nn.Module
    device: str = "cpu"
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        self.generator.to(self.device)
        self.discriminator.to(self.device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), self.learning_rate, betas=(0.0, 0.99))
            for network in (self.generator, self.discriminator)
        ]
        self.step, self.seconds = 0, 0.0

    def descend(self, fake: Callable[[], Tensor], real: Tensor, generator: torch.Generator) -> dict[str, float]:
        """One step of both networks; `fake` makes clips as `real` ones `b t c h w`."""
        optimizer, adversary = self.optimizers
        self.discriminator.requires_grad_(False)
        loss = F.softplus(-self.discriminator(augmented(fake(), generator))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for running, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            running.lerp_(value.detach(), 1 - _EMA)
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            made = fake()
        shown = augmented(real, generator).requires_grad_(self.step % _R1_EVERY == 0)
        on_real = self.discriminator(shown)
        against = F.softplus(self.discriminator(augmented(made, generator))).mean() + F.softplus(-on_real).mean()
        if shown.requires_grad:
            (slope,) = torch.autograd.grad(on_real.sum(), shown, create_graph=True)
            against = against + 0.5 * _R1 * _R1_EVERY * slope.square().sum((1, 2, 3, 4)).mean()
        adversary.zero_grad()
        against.backward()
        adversary.step()
        self.step += 1
        return {"generator": float(loss.detach()), "discriminator": float(against.detach())}

    def save(self, folder: Path) -> None:
        """Writes the state, whole or not at all."""
        state = {"step": self.step, "seconds": self.seconds, "average": self.average.state_dict()}
        state |= {"networks": [self.generator.state_dict(), self.discriminator.state_dict()]}
        state |= {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, folder / f"{self.name}.partial")
        os.replace(folder / f"{self.name}.partial", folder / f"{self.name}.pt")

    def resume(self, folder: Path) -> None:
        """Continues from the state in a folder, if there is one."""
        path = folder / f"{self.name}.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.average.load_state_dict(state["average"])
        for network, values in zip((self.generator, self.discriminator), state["networks"], strict=True):
            network.load_state_dict(values)
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)

    def train(self, folder: Path, minutes: float, step: Callable[[torch.Generator], dict[str, float]]) -> None:
        """Trains until the minutes are used, over all runs."""
        saved = self.seconds
        while self.seconds < 60 * minutes:
            begun = time.monotonic()
            figures = step(step_generator(0, self.step, 0))
            self.seconds += time.monotonic() - begun
            if self.seconds - saved > 120 or self.seconds >= 60 * minutes:
                self.save(folder)
                saved = self.seconds
                text = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
                print(f"{self.name}: step {self.step}, {self.seconds / 60:.1f} min: {text}", flush=True)


def augmented(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Clips `b t c h w`, each shifted by up to an eighth, brightened and given contrast, all its frames alike."""
    height, width = clips.shape[-2:]
    rolled = []
    for clip in clips:
        down, right = (int(torch.randint(-(s // 8), s // 8 + 1, (), generator=generator)) for s in (height, width))
        padded = F.pad(clip, (width // 8, width // 8, height // 8, height // 8))
        top, left = height // 8 + down, width // 8 + right
        rolled.append(padded[..., top : top + height, left : left + width])
    shifted = torch.stack(rolled)
    brightness, contrast = (torch.rand((2, len(clips), 1, 1, 1, 1), generator=generator) - 0.5).to(clips.device)
    mean = shifted.mean((1, 2, 3, 4), keepdim=True)
    return (shifted - mean) * (1 + contrast) + mean + brightness / 2


class Clips:
    """Draws recorded clips, and what the networks see of them."""

    def __init__(self, logs: Path, frames: int, fps: float, size: tuple[int, int], device: str) -> None:
        footage = replace(footage_under(logs, *size), held_out=held_out_of(logs))
        self.frames, self.tensors = frames, FootageTensors(footage, device)
        self.places = clip_places(footage, "train", fps, frames)

    def low(self, count: int, generator: torch.Generator, frames: int | None = None) -> Tensor:
        """Clips `b t 3 h/4 w/4`, shrunk by area."""
        return shrunk(self.high(count, generator, frames))

    def high(self, count: int, generator: torch.Generator, frames: int | None = None) -> Tensor:
        """Clips `b t 3 h w`."""
        return self.tensors.frames(draw(self.places, count, self.frames, generator)[:, : frames or self.frames])


def shrunk(clips: Tensor) -> Tensor:
    """Clips at a quarter of their sides."""
    return rearrange(F.avg_pool2d(clips.flatten(0, 1), FACTOR), "(b t) c h w -> b t c h w", b=len(clips))


def patches(clips: Tensor, generator: torch.Generator) -> Tensor:
    """A square of each high-resolution clip, `b t 3 4s 4s`, on the grid of the low resolution."""
    height, width = (side // FACTOR for side in clips.shape[-2:])
    side = min(_SIDE, height)
    found = []
    for clip in clips:
        y, x = (int(torch.randint(0, s - side + 1, (), generator=generator)) * FACTOR for s in (height, width))
        found.append(clip[..., y : y + side * FACTOR, x : x + side * FACTOR])
    return torch.stack(found)


def field(clips: Tensor, generator: torch.Generator) -> Tensor:
    """A noise field `b 1 1 h w` for each low-resolution clip."""
    return torch.randn((len(clips), 1, 1, *clips.shape[-2:]), generator=generator).to(clips.device)


def trained(options: argparse.Namespace) -> tuple[Generator, Enlarger]:
    """Trains what is left to train, and returns the averaged generators."""
    torch.manual_seed(0)
    height, width = options.size
    config = AdversarialConfig(height=height // FACTOR, width=width // FACTOR)
    low = Adversaries("low", Generator(config), Discriminator(3, config.widths[::-1]), options.device)
    high = Adversaries("high", Enlarger(config), Discriminator(6, config.widths[::-1]), options.device)
    low.resume(options.out)
    high.resume(options.out)
    clips = Clips(options.logs, options.frames, options.fps, (height, width), options.device)

    def step_low(generator: torch.Generator) -> dict[str, float]:
        real = clips.low(options.batch_size, generator)
        noise = low.generator.noise(len(real), options.frames, generator, options.device)
        return low.descend(lambda: low.generator(noise), real, generator)

    def step_high(generator: torch.Generator) -> dict[str, float]:
        real = patches(clips.high(options.batch_size, generator, frames=min(8, options.frames)), generator)
        small = shrunk(real)
        noise, around = field(small, generator), F.interpolate(small.flatten(0, 1), scale_factor=FACTOR)
        around = rearrange(around, "(b t) c h w -> b t c h w", b=len(small))
        pair = torch.cat([real, around], 2)
        return high.descend(lambda: torch.cat([high.generator(small, noise), around], 2), pair, generator)

    low.train(options.out, options.minutes * (1 - options.enlarger_share), step_low)
    high.train(options.out, options.minutes * options.enlarger_share, step_high)
    return low.average, high.average


def sampled(networks: tuple[Generator, Enlarger], count: int, options: argparse.Namespace) -> list[Video]:
    """Clips of the averaged generators; clip i has seed i."""
    (low, high), videos = networks, []
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        with torch.inference_mode():
            small = low(low.noise(1, options.frames, generator, options.device))
            made = to_bytes(high(small, field(small, generator))[0])
        videos.append(Video(f"clip {number}", 0, options.fps, made))
    return videos


def every(videos: Sequence[Video], stride: int) -> list[Video]:
    """The same videos with every `stride`-th frame."""
    return [replace(v, fps=v.fps / stride, frames=np.ascontiguousarray(v.frames[:][::stride])) for v in videos]


def report_of(videos: Sequence[Video], known: Sequence[Sequence[Video]], device: str) -> Report:
    """The distances of clips to recorded ones, of which `known` are two sets."""
    pictures = EfficientNetLite0(device)
    clip_frames = min(16, len(videos[0].frames))
    instruments = Instruments(StackedFeatures(pictures, device), pictures, None, clip_frames, 2.4, device)
    parts = (Part.distance, Part.warping)
    compared = Compared(videos, *known)
    return Report("video", {}, tuple(video_figures(compared, parts, instruments, "0 on", "unconditional", _silent)))


def _silent(what: str, done: int, total: int) -> None:
    """No bar."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the arguments, those of the command line by default, and sets threads and device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--enlarger-share", type=float, default=0.4, help="Share of the time for the enlarger.")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--size", type=int, nargs=2, default=[128, 256], help="Height and width of the clips.")
    return read_arguments(parser, given)


def main() -> None:
    """Trains what is left to train, writes a picture of samples, and prints the tables."""
    options = arguments()
    moments = evaluated_moments(options, options.frames / options.fps)
    videos = sampled(trained(options), len(moments[0]), options)
    shown = torch.from_numpy(np.stack([video.frames[:][:: max(1, options.frames // 6)] for video in videos[:6]]))
    picture = grid(rearrange(shown, "r k h w c -> r k c h w").float() / 127.5 - 1)
    cv2.imwrite(str(options.out / "samples.jpg"), picture[..., ::-1])
    for stride, name in ((1, "frames"), (KEYFRAME_STRIDE, "keyframes")):
        made = every(videos, stride)
        known = [recorded_videos(part, len(made[0].frames), made[0].fps, tuple(options.size)) for part in moments]
        deliver(report_of(made, known, options.device), options.out / f"{name}.json", False)


if __name__ == "__main__":
    main()
