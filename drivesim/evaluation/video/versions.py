"""Versions of a stage side by side on the same recorded clips: for single frames, and for video (Video LDM, Tab. 3).

Clips are measured one at a time, because those at full resolution do not fit into memory together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from drivesim.engine import Engine, EngineSettings
from drivesim.engine.decode import decode_frames
from drivesim.engine.first_frame.compose import fitted
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.seeds import RunNoise
from drivesim.engine.upsample import upsample, upsample_blocks
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.metrics.features import FeatureNetwork
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.reconstruction import perceptual_distances
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.distance import (
    FRAME_DISTANCE,
    Features,
    clip_and_frame_features,
    clip_distance_name,
    distance_figure,
    distance_protocols,
    distance_ratio_figure,
)
from drivesim.evaluation.video.measures.features import ClipNetwork
from drivesim.evaluation.video.measures.warping import warping_of
from drivesim.evaluation.video.sources.videos import Video
from drivesim.models.pixels import to_bytes, to_unit_range
from drivesim.models.upsampler import Upsampler, enlarge
from drivesim.training.losses.perceptual import PerceptualDistance

REAL = "real"
IMAGE_DECODER, VIDEO_DECODER = "autoencoder, frame by frame", "temporal decoder"
BICUBIC, IMAGE_UPSAMPLER, VIDEO_UPSAMPLER = "bicubic", "upsampler_image, frame by frame", "upsampler"
ONE_NOISE = f"{IMAGE_UPSAMPLER}, one noise field"

Versions = Callable[[np.ndarray, int], dict[str, np.ndarray]]
"""(clip uint8 `t h w 3`, its number) -> what each version makes of it, uint8 `t h w 3`."""
Cut = Callable[[np.ndarray], np.ndarray]
"""Clip uint8 `t h w 3` -> the clips uint8 `n t h w 3` whose features are compared."""


def whole(clip: np.ndarray) -> np.ndarray:
    """Returns the clip itself, as `1 t h w 3`."""
    return clip[None]


def quarters(clip: np.ndarray) -> np.ndarray:
    """Returns the quarters of a clip, `4 t h/2 w/2 3`, because networks of features shrink large frames."""
    height, width = clip.shape[1] // 2, clip.shape[2] // 2
    return np.stack([clip[:, y : y + height, x : x + width] for y in (0, height) for x in (0, width)])


def version_figures(
    asked: Sequence[Video],
    reference: Sequence[Video],
    versions: Versions,
    ratios: Iterable[tuple[str, str]],
    cut: Cut,
    networks: tuple[ClipNetwork, FeatureNetwork],
    protocol: Protocol,
    device: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures what versions of a stage make of recorded clips, and the ratios of pairs of versions.

    Args:
        asked: Recorded clips that the versions are given.
        reference: Recorded clips of other scenes.
        versions: Makes a clip of each version.
        ratios: Pairs of versions: the first is divided by the second.
        cut: How the clips are cut before features are taken.
        networks: Maps clips to features, and frames.
        protocol: The protocol without measure and network.
        device: Device of the networks.
        on_progress: Is called with the progress of the work.
    """
    num_frames = len(asked[0].frames)
    known = clip_and_frame_features(networks, [cut(video.frames[:]) for video in reference], device)
    perceptual = PerceptualDistance().to(device)
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, video in enumerate(asked):
        real = video.frames[:]
        for group, frames in ({REAL: real} | versions(real, number)).items():
            clips, singles = clip_and_frame_features(networks, [cut(frames)], device)
            parts[group].append((clips.values, singles.values))
            warping = warping_of(replace(video, frames=frames))
            error = warping[0] if warping else float("nan")
            rows[group].append((error, float(perceptual_distances(perceptual, frames, real, device).mean())))
        on_progress("making versions", number + 1, len(asked))
    found = {
        group: tuple(Features.joined([row[place] for row in of_group]) for place in range(2))
        for group, of_group in parts.items()
    }
    names = (clip_distance_name(networks[0]), FRAME_DISTANCE)
    protocols = distance_protocols(protocol, networks, num_frames)
    for group in found:
        for name, of_kind, one, other in zip(names, protocols, known, found[group], strict=True):
            yield distance_figure(name, group, one, other, of_kind)
        yield from _means(group, np.array(rows[group]), protocol)
    for first, second in ratios:
        for name, of_kind, one, a, b in zip(names, protocols, known, found[first], found[second], strict=True):
            measure = replace(of_kind, measure=f"{of_kind.measure}; ratio of the two, each video drawn for both")
            yield distance_ratio_figure(f"{name}_ratio", f"{first} over {second}", one, a, b, measure)


def decoder_versions(engine: Engine, settings: EngineSettings) -> Versions:
    """Returns the decoders of single frames and of video, given latents of recorded frames."""

    @torch.inference_mode()
    def make(clip: np.ndarray, number: int) -> dict[str, np.ndarray]:
        del number  # no noise is drawn
        models, every = engine.models, range(len(clip))
        latents = models.exact.autoencoder.encode(to_unit_range(models.tensor(clip))[:, None])[:, 0]
        decoders = {
            IMAGE_DECODER: models.exact.autoencoder,
            VIDEO_DECODER: models.computing_in(settings.rendering_precision).decoder,
        }
        return {name: to_bytes(decode_frames(one, latents, every, len(every))) for name, one in decoders.items()}

    return make


def upsampler_versions(
    engine: Engine, settings: EngineSettings, low_res_taus: Sequence[int], reconstructed: bool, seed: int
) -> Versions:
    """Returns bicubic enlargement and the upsamplers of single frames and of video, given shrunk recorded frames.

    Args:
        engine: Holds the networks.
        settings: How they are sampled.
        low_res_taus: Further levels of the noise augmentation, at which the video upsampler is sampled as well.
        reconstructed: Whether the shrunk frames go through the autoencoder first, as in a rollout.
        seed: Seed of the first clip; the others follow.
    """
    models, video, usual = engine.models, engine.video, settings.upsampler
    networks = models.computing_in(settings.rendering_precision)

    @torch.inference_mode()
    def make(clip: np.ndarray, number: int) -> dict[str, np.ndarray]:
        every, noise = range(len(clip)), RunNoise(seed + number, 0)
        small = np.stack([fitted(frame, video.low_height, video.low_width) for frame in clip])
        low_res = to_unit_range(models.tensor(small))
        if reconstructed:
            latents = models.exact.autoencoder.encode(low_res[:, None])[:, 0]
            low_res = decode_frames(networks.decoder, latents, every, len(every))

        def noise_of(correlation: float) -> Callable[[str, range, tuple[int, ...]], torch.Tensor]:
            return lambda what, frames, shape: noise.of_frames(shape, frames, correlation, "upsampler", what)

        def singly(stage: DiffusionStage[Upsampler], correlation: float) -> np.ndarray:
            frames = [upsample(stage, low_res[t : t + 1], range(t, t + 1), usual, noise_of(correlation)) for t in every]
            return to_bytes(torch.cat(frames))

        def together(tau: int) -> np.ndarray:
            blocks = upsample_blocks(
                networks.upsampler,
                low_res,
                0,
                every,
                replace(usual, low_res_tau=tau),
                noise_of(usual.noise_correlation),
            )
            return to_bytes(torch.cat(list(blocks)))

        made = {
            BICUBIC: to_bytes(enlarge(low_res[None], networks.upsampler.network.config.factor)[0]),
            IMAGE_UPSAMPLER: singly(networks.upsampler_image, 0.0),
            ONE_NOISE: singly(networks.upsampler_image, 1.0),
            VIDEO_UPSAMPLER: together(usual.low_res_tau),
        }
        return made | {noise_level(tau): together(tau) for tau in low_res_taus if tau != usual.low_res_tau}

    return make


def noise_level(tau: int) -> str:
    """Returns the name of the video upsampler at another level of the noise augmentation."""
    return f"{VIDEO_UPSAMPLER}, low_res_tau {tau}"


def _means(group: str, rows: np.ndarray, protocol: Protocol) -> Iterator[Figure]:
    """Warping error and perceptual distance of a group, from one row per clip."""
    measures = (
        ("warping_error", "mean absolute difference of a frame and its predecessor moved along DIS flow, 0..255", None),
        ("perceptual", "shift-tolerant perceptual distance to the recorded frames", "st-lpips-alex"),
    )
    for values, (name, measure, network) in zip(rows.T, measures, strict=True):
        known = values[np.isfinite(values)]
        if len(known) and not (group == REAL and name == "perceptual"):
            how = replace(protocol, measure=f"{measure}, bootstrap over clips", network=network)
            yield mean_figure(name, group, known, how)
