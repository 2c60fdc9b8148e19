"""Ablations of the video model (Video LDM, Tab. 1, right), each trained from nothing with the same budget.

python benchmarks/ablations.py logs --init checkpoints/demo --out ablations [--minutes 60] [--image-share 0.5]
                               [--recipes base unconditioned ...] [--starts 64] [--seconds 2.4]

base                 An image model, then temporal layers of convolutions and attention on it; all conditions.
unconditioned        The same without boxes, labels, road and ego motion, in training and sampling.
no_context_guidance  The models of `base`, sampled without context guidance; nothing is trained.
attention_only       Frames exchange what they know through temporal attention alone (temporal kernels of one frame).
end_to_end           All layers trained together on clips from the first step on, without an image model before.
pixel_space          Whole pixels in place of latents: 8x8 patches, turned by their principal components, lose nothing.
adversarial          Not here: benchmarks/adversarial_video.py trains a model of another family with the same budget.

A recipe trains the image model for its share of the minutes and the prediction model for the rest, each on as many
threads. Running the same command again continues where it stopped. The table has Fréchet distances of keyframe clips
and of their frames to recorded ones (`drivesim evaluate video --passes 0`), beside other recorded clips (`real`).
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from futures_sweep import row_of, shown
from rich.console import Console
from rich.table import Table

from drivesim.engine import Engine, EngineSettings, fast
from drivesim.evaluation.futures import spread_starts
from drivesim.evaluation.metrics.features import EfficientNetLite0
from drivesim.evaluation.protocol import Report
from drivesim.evaluation.video.measures.features import StackedFeatures
from drivesim.evaluation.video.report import Compared, Instruments, Part, video_figures
from drivesim.evaluation.video.sources.sampled import VideoTask, roles_of, sampled_videos
from drivesim.evaluation.video.sources.videos import halves, recorded_videos
from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint
from drivesim.models.presets import Preset
from drivesim.models.stages import checkpoint_file
from drivesim.models.temporal import temporal_names
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.device import use_device, use_threads
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
    labelled: whether the models are given the time of day.
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


RECIPES = {
    "base": Recipe(),
    "unconditioned": Recipe(stage=unconditioned, labelled=False),
    "no_context_guidance": Recipe(settings=lambda settings: replace(settings, context_guidance=1.0), models="base"),
    "attention_only": Recipe(preset=attention_only, image_of="base"),
    "end_to_end": Recipe(end_to_end=True),
    "pixel_space": Recipe(preset=pixel_space, own_autoencoder=True),
}


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


def trained(name: str, recipe: Recipe, options: argparse.Namespace) -> Path:
    """Trains the models of a recipe, as far as they are not trained yet, and returns their folder."""
    folder = options.out / name
    folder.mkdir(parents=True, exist_ok=True)
    preset = recipe.preset(options.sizes)
    if not recipe.own_autoencoder and not checkpoint_file(folder, "autoencoder").is_file():
        shutil.copy(checkpoint_file(options.init, "autoencoder"), folder)
    image_s = 0.0 if recipe.end_to_end else 60 * options.minutes * options.image_share
    budgets = {"image": image_s, "prediction": 60 * options.minutes - image_s}
    if recipe.image_of is not None:
        del budgets["image"]
        source = trained(recipe.image_of, RECIPES[recipe.image_of], options)
        if not checkpoint_file(folder, "image").is_file():
            shutil.copy(checkpoint_file(source, "image"), folder)
    if recipe.own_autoencoder:
        budgets = {"autoencoder": 0.0, **budgets}
    for role, seconds in budgets.items():
        kind = EndToEndRequest if recipe.end_to_end else StageRequest
        request = kind(role, preset, options.logs, folder, options.device, batch_size=options.batch_size)
        steps = 0 if seconds == 0 else options.steps
        budget = TrainingBudget(seconds or None, steps)
        if recipe.end_to_end and role == "image" and checkpoint_file(folder, "prediction").is_file():
            continue
        for report in train_stage(request, partial(stage_of, recipe, request), budget, options.evaluate_s):
            if report.saved:
                print(f"{name}: {report.with_figures(role)}", flush=True)
    return folder


def measured(recipe: Recipe, folder: Path, options: argparse.Namespace) -> Report:
    """The distances of keyframe clips of the models in a folder."""
    engine = Engine(CheckpointSet.open(folder), options.device)
    settings = recipe.settings(replace(fast(), interpolation_passes=0))
    task = VideoTask(options.seconds, options.futures, labelled=recipe.labelled)
    asked, reference = halves(spread_starts(options.logs, "held_out", options.starts, options.seconds), options.logs)
    made = sampled_videos(engine, asked, task, settings, options.out / "videos", lambda *_: None)
    frames, low = len(made[0].frames), (engine.video.low_height, engine.video.low_width)
    known = [recorded_videos(moments, frames, made[0].fps, low) for moments in (asked, reference)]
    pictures = EfficientNetLite0(options.device)
    clips = StackedFeatures(pictures, options.device)
    window_s = engine.video.gaps_per_window / engine.video.keyframe_fps
    instruments = Instruments(clips, pictures, None, min(16, frames), window_s, options.device)
    parts = (Part.distance, Part.diversity)
    figures = video_figures(
        Compared(made, *known), parts, instruments, "0 on", "1 known frame, keyframes", lambda *_: None
    )
    subject = {role: engine.checkpoints.sha256[role] for role in roles_of(settings)}
    return Report("video", subject, tuple(figures))


def main() -> None:
    """A row for each recipe."""
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
    parser.add_argument("--starts", type=int, default=64, help="Half of them are the reference.")
    parser.add_argument("--futures", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.sizes = CheckpointSet.open(options.init).preset

    use_threads(options.threads)
    use_device(options.device)
    rows = {}
    for name in options.recipes:
        recipe = RECIPES[name]
        folder = trained(recipe.models or name, RECIPES[recipe.models or name], options)
        path = options.out / f"{name}.json"
        report = measured(recipe, folder, options)
        report.write(path)
        rows[name] = row_of(report)
    table = Table("recipe", *dict.fromkeys(key for row in rows.values() for key in row))
    for name, row in rows.items():
        table.add_row(name, *(shown(*row[str(c.header)]) if c.header in row else "–" for c in table.columns[1:]))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
