"""Ablations of the video model (Video LDM, Tab. 1, right), each trained from nothing with the same budget.

python benchmarks/ablations.py logs --init checkpoints/demo --out ablations [--minutes 60] [--image-share 0.5]
                               [--recipes base unconditioned ...] [--evaluate-on FOLDER] [--starts 64] [--seconds 2.4]
                               [--context-frames 1] [--device cpu]

base                 An image model, then temporal layers of convolutions and attention on it; all conditions. Futures
                     are given the time of day and the crowdedness of the recorded frame.
unconditioned        The same without boxes, labels, road and ego motion, in training and sampling.
no_context_guidance  The models of `base`, sampled without context guidance; nothing is trained. As in the paper, the
                     recipes below are sampled without it too, so this is the row that they compare with.
thin_kernels         Temporal kernels of (3,1,1) throughout: the second convolution of a block spans one pixel, not 3x3.
attention_only       Frames exchange what they know through temporal attention alone (temporal kernels of one frame).
end_to_end           All layers trained together on clips from the first step on, without an image model before.
pixel_space          Whole pixels in place of latents: 8x8 patches, turned by their principal components, lose nothing.
adversarial          Not here: benchmarks/adversarial_video.py trains a model of another family with the same budget.

A recipe trains the image model for its share of the minutes and the prediction model for the rest, each on as many
threads. Running the same command again continues where it stopped. The table has Fréchet distances of keyframe clips
and of their frames to recorded ones (`drivesim evaluate video --passes 0`), beside other recorded clips (`real`).
Measured are held-out logs, or all logs of the folder that `--evaluate-on` names. With `--context-frames 0` the image
model makes the first frames. Paper and measurement side by side: benchmarks/paper_tables.py.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from evaluation_logs import Moments, evaluated_moments, held_out_of, read_arguments
from futures_sweep import row_of, shown
from rich.console import Console
from rich.table import Table

from drivesim.engine import Engine, EngineSettings, fast
from drivesim.evaluation.metrics.features import EfficientNetLite0
from drivesim.evaluation.protocol import Report
from drivesim.evaluation.video.measures.features import StackedFeatures
from drivesim.evaluation.video.report import Compared, Instruments, Part, video_figures
from drivesim.evaluation.video.sources.sampled import VideoTask, roles_of, sampled_videos
from drivesim.evaluation.video.sources.videos import Video, recorded_videos
from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.presets import Preset
from drivesim.models.stages import checkpoint_file
from drivesim.models.temporal import temporal_names
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages.diffusion import LatentDiffusionStage
from drivesim.training.stages.stage import TrainingStage, named_parameters


@dataclass(frozen=True)
class Recipe:
    """What an ablation changes.

    preset: changes the sizes of the stages.
    stage: changes how a latent stage is trained.
    settings: changes how futures are sampled.
    labelled: whether the models are given the time of day and the crowdedness.
    models: the recipe whose models are used; None to train its own.
    image_of: the recipe whose image model is used, because the change concerns the video model alone.
    own_autoencoder: whether the autoencoder stays at its start in place of the shared one.
    end_to_end: whether all layers of the video model are trained at once, without an image model before.
    """

    preset: Callable[[Preset], Preset] = lambda preset: preset
    stage: Callable[[TrainingStage], None] = lambda stage: None
    settings: Callable[[EngineSettings], EngineSettings] = lambda settings: settings
    labelled: bool = True
    models: str | None = None
    image_of: str | None = None
    own_autoencoder: bool = False
    end_to_end: bool = False


def attention_only(preset: Preset) -> Preset:
    """Temporal convolutions that span a single frame."""
    return replace(preset, prediction=replace(preset.prediction, temporal_kernel=1))


def thin_kernels(preset: Preset) -> Preset:
    """Temporal blocks whose second convolution spans a single pixel."""
    return replace(preset, prediction=replace(preset.prediction, spatial_kernel=1))


def pixel_space(preset: Preset) -> Preset:
    """As many latent channels as a patch has numbers; without training they are its principal components."""
    channels = 3 * preset.autoencoder.factor**2
    return replace(
        preset,
        autoencoder=replace(preset.autoencoder, latent_channels=channels),
        image=replace(preset.image, in_channels=channels),
    )


def unconditioned(stage: TrainingStage) -> None:
    """Drops every condition but the known frames, always."""
    if isinstance(stage, LatentDiffusionStage):
        stage.config = replace(stage.config, drop=dict.fromkeys(stage.config.drop, 1.0), vehicle_weight=1.0)


def without_context_guidance(settings: EngineSettings) -> EngineSettings:
    """Known frames are conditions like others, and not guided towards."""
    return replace(settings, context_guidance=1.0)


RECIPES = {
    "base": Recipe(),
    "unconditioned": Recipe(stage=unconditioned, labelled=False),
    "no_context_guidance": Recipe(settings=without_context_guidance, models="base"),
    "thin_kernels": Recipe(preset=thin_kernels, settings=without_context_guidance, image_of="base"),
    "attention_only": Recipe(preset=attention_only, settings=without_context_guidance, image_of="base"),
    "end_to_end": Recipe(settings=without_context_guidance, end_to_end=True),
    "pixel_space": Recipe(preset=pixel_space, settings=without_context_guidance, own_autoencoder=True),
}
"""As in the paper, only `base` and `unconditioned` are sampled with context guidance."""


@torch.no_grad()
def publish_spatial_layers(stage: LatentDiffusionStage, request: StageRequest) -> None:
    """Publishes the spatial layers of a video model as stage `image`, because its own checkpoint holds temporal ones.

    They are rounded as the checkpoint stores them, so that both files fit each other.
    """
    temporal, image = temporal_names(stage.network), build("image", request.preset)
    spatial = {name: value for name, value in stage.network.state_dict().items() if name not in temporal}
    for value in spatial.values():
        value.copy_(value.half().to(value.dtype))
    image.load_state_dict(spatial)
    publish_checkpoint(request.checkpoints, request.preset, "image", image)


class EndToEndRequest(StageRequest):
    """A request whose image model changes while it trains, and so is nothing that the training depends on."""

    def foundations(self) -> dict[str, str]:
        """What the training depends on."""
        return {name: value for name, value in super().foundations().items() if name != "image"}


def stage_of(recipe: Recipe, request: StageRequest) -> TrainingStage:
    """The stage as the recipe trains it."""
    stage = prepare(request, lambda *_: None)
    recipe.stage(stage)
    if recipe.end_to_end and isinstance(stage, LatentDiffusionStage) and request.role == "prediction":
        stage.parameters = lambda: {"network": named_parameters(stage.network)}
        stage.finish = partial(publish_spatial_layers, stage, request)
    return stage


def trained(name: str, options: argparse.Namespace) -> Path:
    """Trains the models of a recipe, as far as they are not trained yet, and returns their folder."""
    recipe, folder = RECIPES[name], options.out / name
    if recipe.models is not None:
        return trained(recipe.models, options)
    folder.mkdir(parents=True, exist_ok=True)
    preset = recipe.preset(CheckpointSet.open(options.init).preset)
    if not recipe.own_autoencoder and not checkpoint_file(folder, "autoencoder").is_file():
        shutil.copy(checkpoint_file(options.init, "autoencoder"), folder)
    image_s = 0.0 if recipe.end_to_end else 60 * options.minutes * options.image_share
    budgets = {"image": image_s, "prediction": 60 * options.minutes - image_s}
    if recipe.image_of is not None:
        del budgets["image"]
        source = trained(recipe.image_of, options)
        if not checkpoint_file(folder, "image").is_file():
            shutil.copy(checkpoint_file(source, "image"), folder)
    if recipe.own_autoencoder:
        budgets = {"autoencoder": 0.0, **budgets}
    kind, held_out = EndToEndRequest if recipe.end_to_end else StageRequest, held_out_of(options.logs)
    for role, seconds in budgets.items():
        request = kind(
            role, preset, options.logs, folder, options.device, batch_size=options.batch_size, held_out=held_out
        )
        steps = 0 if seconds == 0 else options.steps
        budget = TrainingBudget(seconds or None, steps)
        if recipe.end_to_end and role == "image" and checkpoint_file(folder, "prediction").is_file():
            continue
        for report in train_stage(request, partial(stage_of, recipe, request), budget, options.evaluate_s):
            if report.saved:
                print(f"{name}: {report.with_figures(role)}", flush=True)
    return folder


@dataclass(frozen=True, eq=False)
class Futures:
    """Keyframe clips of a recipe.

    engine: has its models.
    settings: how they were sampled.
    videos: the clips, one for each moment and future.
    """

    engine: Engine
    settings: EngineSettings
    videos: list[Video]

    @property
    def subject(self) -> dict[str, str]:
        """The sha256 of each checkpoint that made them."""
        return {role: self.engine.checkpoints.sha256[role] for role in roles_of(self.settings)}


def futures_of(name: str, moments: Moments, options: argparse.Namespace, context_frames: int) -> Futures:
    """Trains what is left to train of a recipe, and samples what is left to sample of its futures."""
    recipe, folder = RECIPES[name], trained(name, options)
    engine = Engine(CheckpointSet.open(folder), options.device)
    settings = recipe.settings(replace(fast(), interpolation_passes=0))
    task = VideoTask(
        options.seconds, options.futures, context_frames, labelled=recipe.labelled, crowdedness=recipe.labelled
    )
    videos = sampled_videos(engine, moments, task, settings, options.out / "videos", lambda *_: None)
    return Futures(engine, settings, videos)


def measured(name: str, options: argparse.Namespace) -> Report:
    """The distances of keyframe clips of a recipe."""
    asked, reference = evaluated_moments(options, options.seconds)
    futures = futures_of(name, asked, options, options.context_frames)
    made, video = futures.videos, futures.engine.video
    frames, low = len(made[0].frames), (video.low_height, video.low_width)
    known = [recorded_videos(moments, frames, made[0].fps, low) for moments in (asked, reference)]
    pictures = EfficientNetLite0(options.device)
    clips = StackedFeatures(pictures, options.device)
    window_s = video.gaps_per_window / video.keyframe_fps
    instruments = Instruments(clips, pictures, None, min(16, frames), window_s, options.device)
    parts, how = (Part.distance, Part.diversity), f"{options.context_frames} known frame(s), keyframes"
    figures = video_figures(Compared(made, *known), parts, instruments, "0 on", how, lambda *_: None)
    return Report("video", futures.subject, tuple(figures))


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the arguments, those of the command line by default, and sets threads and device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path)
    parser.add_argument("--init", type=Path, required=True, help="Checkpoints whose autoencoder the recipes share.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--minutes", type=float, default=60.0, help="Training time of each recipe.")
    parser.add_argument("--image-share", type=float, default=0.5, help="Share of the time for the image model.")
    parser.add_argument("--steps", type=int, default=None, help="Maximum number of steps of each stage.")
    parser.add_argument("--batch-size", type=int, default=None)
    parser.add_argument("--evaluate-s", type=float, default=600.0)
    parser.add_argument("--futures", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.4)
    parser.add_argument("--context-frames", type=int, choices=(0, 1, 2), default=1, help="Number of known frames.")
    return read_arguments(parser, given)


def main() -> None:
    """A row for each recipe."""
    options, rows = arguments(), {}
    for name in options.recipes:
        report = measured(name, options)
        report.write(options.out / f"{name}.json")
        rows[name] = row_of(report)
    table = Table("recipe", *dict.fromkeys(key for row in rows.values() for key in row))
    for name, row in rows.items():
        table.add_row(name, *(shown(*row[str(c.header)]) if c.header in row else "–" for c in table.columns[1:]))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
