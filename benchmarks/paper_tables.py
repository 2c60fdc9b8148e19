"""Tables 1 and 3 of Video LDM on your own footage: the paper's distances and their ratios beside ours.

python benchmarks/paper_tables.py logs --evaluate-on FOLDER --out tables [--checkpoints checkpoints/demo]
                                  [--tables 1 3] [--recipes base ...] [--minutes 60] [--clips 64] [--device cpu]

Table 1 trains an adversarial video generator and each ablation for `--minutes` on the same logs
(benchmarks/adversarial_video.py, benchmarks/ablations.py), and compares their keyframe clips with recorded ones. In its
left half, which compares families, first frames are made by the image model; in its right half futures continue a
recorded frame. Table 3 measures decoder and upsampler of `--checkpoints` (`drivesim evaluate decoder`, `upsampler`).

The paper has FVD and FID, we have Fréchet distances of clips and of frames on features of EfficientNet-Lite0 (in
Table 3, the FVD with `--i3d PATH`), so only ratios compare. A ratio is the distance of a row over that of the row that
it is compared with; its 95 % interval draws whole videos. `agrees` says for clips and for frames whether the interval
lies on the paper's side of 1 (yes), on the other side (no), or on both (open); where the paper's ratio is 1 to within
2 %, whether the interval holds 1.

Running the same command again continues where it stopped: training, sampled videos and the reports of Table 3 are kept
in `--out`. Larger budgets continue what smaller ones have trained.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ablations
import adversarial_video
from evaluation_logs import EVALUATE_ON, evaluated_moments
from futures_sweep import shown
from rich.console import Console
from rich.table import Table

from drivesim.assets import default_checkpoints
from drivesim.cli.evaluate.options import Split
from drivesim.cli.evaluate.versions import decoder, upsampler
from drivesim.cli.options import Device
from drivesim.evaluation.metrics.features import EfficientNetLite0, FeatureNetwork
from drivesim.evaluation.protocol import Figure, Protocol, Report
from drivesim.evaluation.video.measures.distance import (
    CLIP_DISTANCE,
    FRAME_DISTANCE,
    FVD,
    Features,
    clip_and_frame_features,
    distance_figure,
    distance_protocols,
    distance_ratio_figure,
)
from drivesim.evaluation.video.measures.features import ClipNetwork, StackedFeatures
from drivesim.evaluation.video.sources.videos import Video, identity, recorded_videos
from drivesim.evaluation.video.versions import IMAGE_DECODER, IMAGE_UPSAMPLER, REAL, VIDEO_DECODER, VIDEO_UPSAMPLER
from drivesim.models.checkpoints import CheckpointSet
from drivesim.training.loop.device import use_threads

_UNCHANGED = 0.02
ADVERSARIAL = "adversarial"
COMPOSED, CONTINUED = "first frame composed", "first frame recorded"


@dataclass(frozen=True)
class Row:
    """A row of a table of the paper.

    table: number of the table and its half.
    method: what the paper calls it.
    fvd, fid: the paper's distances; None for a row that the paper does not have.
    ours: the group of our figures.
    over: the group that it is compared with; None for a row that others are compared with.
    """

    table: str
    method: str
    fvd: float | None
    fid: float | None
    ours: str
    over: str | None = None


def composed(name: str) -> str:
    """The group of clips whose first frame the models make."""
    return f"{name}, {COMPOSED}"


def continued(name: str) -> str:
    """The group of clips that continue a recorded frame."""
    return f"{name}, {CONTINUED}"


ROWS = (
    Row("1 left", "LVG", 478.0, 53.5, ADVERSARIAL, composed("unconditioned")),
    Row("1 left", "Ours", 389.0, 31.6, composed("unconditioned"), composed("base")),
    Row("1 left", "Ours (cond.)", 356.0, 51.9, composed("base")),
    Row("1 right", "Pixel-baseline", 639.56, 59.70, continued("pixel_space"), continued("no_context_guidance")),
    Row("1 right", "End-to-end LDM", 1155.10, 71.26, continued("end_to_end"), continued("no_context_guidance")),
    Row("1 right", "Attention-only", 704.41, 50.01, continued("attention_only"), continued("no_context_guidance")),
    Row("1 right", "–", None, None, continued("thin_kernels"), continued("no_context_guidance")),
    Row("1 right", "Ours", 534.17, 48.26, continued("no_context_guidance"), continued("base")),
    Row("1 right", "Ours (context-guided)", 508.82, 54.16, continued("base")),
    Row("3 left", "Image Upsampler", 165.98, 19.71, IMAGE_UPSAMPLER, VIDEO_UPSAMPLER),
    Row("3 left", "Video Upsampler", 45.39, 19.85, VIDEO_UPSAMPLER),
    Row("3 right", "Decoder, image-only", 390.88, 7.61, IMAGE_DECODER, VIDEO_DECODER),
    Row("3 right", "Decoder, finetuned", 32.94, 9.17, VIDEO_DECODER),
)
"""Tables 1 and 3 of Video LDM, and temporal kernels of (3,1,1) beside them."""


def generated(options: argparse.Namespace) -> Report:
    """Trains, samples and measures what Table 1 needs."""
    common = [str(options.logs), "--starts", str(options.clips), "--minutes", str(options.minutes)]
    common += ["--device", options.device, "--threads", str(options.threads)]
    if options.evaluate_on is not None:
        common += ["--evaluate-on", str(options.evaluate_on)]
    ours = ["--init", str(options.checkpoints), "--out", str(options.out / "ablations")]
    of_ablations = ablations.arguments([*common, *ours])
    asked, reference = evaluated_moments(of_ablations, of_ablations.seconds)
    made: dict[str, list[Video]] = {}
    for group, context_frames in ((composed, 0), (continued, 1)):
        for name in options.recipes:
            if any(group(name) in (row.ours, row.over) for row in ROWS):
                futures = ablations.futures_of(name, asked, of_ablations, context_frames)
                made[group(name)] = futures.videos
    video = CheckpointSet.open(options.checkpoints).preset.video
    size = (video.low_height, video.low_width)
    if ADVERSARIAL in options.recipes:
        theirs = ["--size", *map(str, size), "--out", str(options.out / ADVERSARIAL)]
        of_adversary = adversarial_video.arguments([*common, *theirs])
        clips = adversarial_video.sampled(adversarial_video.trained(of_adversary), len(asked), of_adversary)
        made[ADVERSARIAL] = adversarial_video.every(clips, adversarial_video.KEYFRAME_STRIDE)
    some = next(iter(made.values()))[0]
    real, known = (recorded_videos(part, len(some.frames), some.fps, size) for part in (asked, reference))
    return Report("paper_tables", {}, tuple(distances(made | {REAL: real}, known, options.device)))


def distances(made: Mapping[str, Sequence[Video]], known: Sequence[Video], device: str) -> Iterator[Figure]:
    """The distances of groups of videos, as many in each, to recorded ones, and the ratios that rows ask for."""
    pictures = EfficientNetLite0(device)
    networks, num_frames = (StackedFeatures(pictures, device), pictures), len(known[0].frames)
    height, width = known[0].frames[:1].shape[1:3]
    protocol = Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=len(known),
        num_frames=num_frames,
        fps=known[0].fps,
        height=height,
        width=width,
        resize="none",
        seeds="0 on",
        reference=identity(known),
        settings="keyframes",
    )
    protocols = distance_protocols(protocol, networks, num_frames)
    to = _features(networks, known, device)
    found = {group: _features(networks, videos, device) for group, videos in made.items()}
    for kind, name in enumerate((CLIP_DISTANCE, FRAME_DISTANCE)):
        for group, features in found.items():
            yield distance_figure(name, group, to[kind], features[kind], protocols[kind])
        for row in ROWS:
            if row.ours in found and row.over in found:
                pair = found[row.ours][kind], found[row.over][kind]
                group = f"{row.ours} over {row.over}"
                yield distance_ratio_figure(f"{name}_ratio", group, to[kind], *pair, protocols[kind])


def _features(
    networks: tuple[ClipNetwork, FeatureNetwork], videos: Sequence[Video], device: str
) -> tuple[Features, Features]:
    return clip_and_frame_features(networks, [video.frames[:][None] for video in videos], device)


def of_checkpoints(options: argparse.Namespace) -> Iterator[Report]:
    """Measures what Table 3 needs, or reads the reports of an earlier run with the same checkpoints and arguments."""
    data, split = (options.logs, Split.held_out) if options.evaluate_on is None else (options.evaluate_on, Split.all)
    few = options.clips // 2  # frames of 512x1024 take long to enlarge
    for evaluate, clips, frames in ((upsampler, few, 8), (decoder, options.clips, 16)):
        frames = frames if options.i3d is None else 16
        asked = [CheckpointSet.open(options.checkpoints).sha256, str(data.resolve()), split, clips, frames]
        asked.append(str(options.i3d))
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        path = options.out / f"{evaluate.__name__}_{digest[:12]}.json"
        if not path.is_file():
            evaluate(
                data,
                path,
                options.checkpoints,
                max(4, clips),
                frames,
                i3d=options.i3d,
                split=split,
                device=Device(options.device),
            )
        yield Report.read(path)


def agreement(paper: float | None, ours: Figure | None) -> str:
    """Whether our ratio is on the side of 1 where the paper's is."""
    if paper is None or ours is None or ours.low is None or ours.high is None:
        return "–"
    holds_one = ours.low <= 1 <= ours.high
    if abs(paper - 1) < _UNCHANGED:
        return "yes" if holds_one else "no"
    return "open" if holds_one else "yes" if (ours.low > 1) == (paper > 1) else "no"


def table_of(reports: Sequence[Report]) -> Table:
    """The rows of the paper with its figures, ours, and the ratios of both."""
    figures = {(figure.name, figure.group): figure for report in reports for figure in report.figures}
    clip_distance = {figure.name for report in reports for figure in report.figures} & {CLIP_DISTANCE, FVD}
    table = Table("table", "method", "ours", "compared with", show_lines=True)
    for column in ("FVD", "clips", "FID", "frames", "FVD ratio", "clips ratio", "FID ratio", "frames ratio", "agrees"):
        table.add_column(column, justify="right")
    of_paper = {row.ours: (row.fvd, row.fid) for row in ROWS}
    for row in ROWS:
        cells, ratios, agreements = [], [], []
        for kind, names in enumerate((sorted(clip_distance), [FRAME_DISTANCE])):
            of_row = of_paper[row.ours][kind]
            ours = _first(figures, names, row.ours)
            cells += ["–" if of_row is None else f"{of_row:g}", _shown(ours)]
            over = None if row.over is None else of_paper[row.over][kind]
            paper = None if of_row is None or over is None else of_row / over
            ratio = _first(figures, [f"{name}_ratio" for name in names], f"{row.ours} over {row.over}")
            ratios += ["–" if paper is None else f"{paper:.3g}", _shown(ratio)]
            agreements.append(agreement(paper, ratio))
        of_row = (row.table, row.method, row.ours, row.over or "")
        table.add_row(*of_row, *cells, *ratios, " / ".join(agreements) if row.over else "")
    return table


def _first(figures: Mapping[tuple[str, str], Figure], names: Sequence[str], group: str) -> Figure | None:
    return next((figures[name, group] for name in names if (name, group) in figures), None)


def _shown(figure: Figure | None) -> str:
    return "–" if figure is None or figure.value is None else shown(figure.value, figure.low, figure.high)


def main() -> None:
    """One table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, help="Drive logs to train on.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--evaluate-on", type=Path, metavar="FOLDER", help=EVALUATE_ON)
    parser.add_argument("--checkpoints", type=Path, default=default_checkpoints())
    parser.add_argument("--tables", nargs="+", choices=("1", "3"), default=["1", "3"])
    names = (ADVERSARIAL, *ablations.RECIPES)
    parser.add_argument("--recipes", nargs="+", choices=names, default=list(names), help="Models of Table 1.")
    parser.add_argument("--minutes", type=float, default=60.0, help="Training time of each model of Table 1.")
    parser.add_argument("--clips", type=int, default=64, help="Recorded clips; half of them are the reference.")
    parser.add_argument("--i3d", type=Path, help="TorchScript file of I3D, to measure the FVD in Table 3.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()

    use_threads(options.threads)
    reports = []
    if "1" in options.tables:
        reports.append(generated(options))
        reports[0].write(options.out / "table_1.json")
    if "3" in options.tables:
        reports += of_checkpoints(options)
    Console(width=220).print(table_of(reports))


if __name__ == "__main__":
    main()
