"""Frames in between two recorded ones: the interpolation model beside linear blending and optical-flow warping.

All methods get the same two frames, as the autoencoder makes them, because a rollout has no others. `reconstructed` is
what really lies in between, after the autoencoder: no method can be much nearer to the recorded frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from drivesim.diffusion.noise import around_first
from drivesim.engine import Engine, EngineSettings
from drivesim.engine.decode import decode_frames
from drivesim.engine.future.interpolate import interpolate_gaps
from drivesim.engine.making import made
from drivesim.engine.seeds import noise
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.reconstruction import perceptual_distances
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.flow import in_between, optical_flow
from drivesim.evaluation.video.sources.videos import Video, identity, recorded_videos
from drivesim.models.pixels import to_bytes, to_unit_range
from drivesim.scenario.schema.vocabulary import TIMES_OF_DAY
from drivesim.training.losses.perceptual import PerceptualDistance

RATES = ("T→4T", "4T→16T")
MODEL, BLEND, WARP, RECONSTRUCTED = "interpolation", "linear blending", "optical flow", "reconstructed"
METHODS = (MODEL, BLEND, WARP, RECONSTRUCTED)


@dataclass(frozen=True, eq=False)
class Gap:
    """The frames between two known ones, by each method.

    Attributes:
        rate: Position in `RATES`.
        time_of_day: Position in `TIMES_OF_DAY`, or `UNKNOWN`.
        motion_px: Mean motion between the known frames, in pixels.
        real: The recorded frames in between, uint8 `t h w 3`.
        made: Frames in between by method, uint8 `t h w 3`.
    """

    rate: int
    time_of_day: int
    motion_px: float
    real: np.ndarray
    made: dict[str, np.ndarray]


def frame_rate(engine: Engine, rate: int) -> float:
    """Returns the frames per second after the pass of interpolation of this position in `RATES`."""
    return float(engine.video.keyframe_fps * engine.video.interpolation_factor ** (rate + 1))


def interpolated_gaps(
    engine: Engine,
    starts: Sequence[tuple[Path, float]],
    rate: int,
    settings: EngineSettings,
    seed: int,
    on_progress: OnProgress,
) -> tuple[list[Gap], str]:
    """Fills one gap from each moment (log, seconds) on, by each method; returns also the identity of the frames.

    Raises:
        FootageError: A drive log cannot be read, or has too few frames per second.
    """
    factor, size = engine.video.interpolation_factor, (engine.video.low_height, engine.video.low_width)
    videos = recorded_videos(starts, factor + 1, frame_rate(engine, rate), size)
    gaps = []
    for number, video in enumerate(videos):
        gaps.append(_gap(engine, video, rate, settings, seed + number))
        on_progress(f"filling gaps, {RATES[rate]}", number + 1, len(videos))
    return gaps, identity(videos)


@torch.inference_mode()
def _gap(engine: Engine, video: Video, rate: int, settings: EngineSettings, seed: int) -> Gap:
    models, real = engine.models, video.frames[:]
    latents = models.exact.autoencoder.encode(to_unit_range(models.tensor(real))[:, None])[:, 0]
    ends = torch.stack([latents[0], latents[-1]])
    correlation = engine.checkpoints.preset.noise_correlation.in_between

    def noise_of(pass_: int, gap: int, step: int) -> torch.Tensor:
        own = noise((1, len(real), *latents.shape[1:]), seed, "interpolation", rate, *((step,) if step else ()))
        return around_first(own, correlation)[0]

    filled = made(
        interpolate_gaps(
            models.computing_in(settings.rendering_precision).sampled("interpolation", settings),
            ends,
            0,
            engine.video.interpolation_factor,
            1,
            settings.interpolation,
            noise_of,
            video.time_of_day,
            first_pass=rate,
        )
    )[0]
    decoded = _decoded(engine, latents, settings)
    generated = _decoded(engine, torch.cat([filled, ends[1:]]), settings)
    first, last, shares = decoded[0], decoded[-1], np.arange(1, len(real) - 1) / (len(real) - 1)
    blend = [np.round((1 - share) * first + share * last.astype(float)) for share in shares]
    return Gap(
        rate,
        video.time_of_day,
        float(np.linalg.norm(optical_flow(real[0], real[-1]), axis=-1).mean()),
        real[1:-1],
        {
            MODEL: generated[1:-1],
            BLEND: np.stack(blend).astype(np.uint8),
            WARP: np.stack(in_between(first, last, shares.tolist())),
            RECONSTRUCTED: decoded[1:-1],
        },
    )


def _decoded(engine: Engine, latents: torch.Tensor, settings: EngineSettings) -> np.ndarray:
    """Frames uint8 `t h w 3` of latents `t c h w`, by the temporal decoder."""
    decoder = engine.models.computing_in(settings.rendering_precision).decoder
    return to_bytes(decode_frames(decoder, latents, range(len(latents)), len(latents)))


def interpolation_figures(
    gaps: Sequence[Gap], protocol: Protocol, device: str, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures the perceptual distance of each method to the recorded frames, by rate, time of day and motion.

    Args:
        gaps: The gaps of all rates.
        protocol: The protocol without measure and network.
        device: Device of the network.
        on_progress: Is called with the progress of the work.

    Yields:
        `perceptual` of each method, and `perceptual_less_model`: by how much a method is farther away than the model in
        the same gap. The model is better where the interval of that difference lies above zero.
    """
    perceptual = PerceptualDistance().to(device)
    distance = replace(
        protocol,
        measure="shift-tolerant perceptual distance to the recorded frames in between, bootstrap over gaps",
        network="st-lpips-alex",
    )
    difference = replace(distance, measure=f"{distance.measure}; less that of the interpolation model, gap by gap")
    rows = []
    for done, gap in enumerate(gaps, 1):
        rows.append([perceptual_distances(perceptual, gap.made[m], gap.real, device).mean() for m in METHODS])
        on_progress("comparing frames", done, len(gaps))
    values = np.array(rows)
    for part, chosen in _parts(gaps).items():
        for place, method in enumerate(METHODS):
            of_method = values[chosen, place]
            yield mean_figure("perceptual", f"{method}, {part}", of_method, distance)
            if method in (BLEND, WARP):
                less = of_method - values[chosen, 0]
                yield mean_figure("perceptual_less_model", f"{method}, {part}", less, difference)


def _parts(gaps: Sequence[Gap]) -> dict[str, np.ndarray]:
    """Numbers of gaps by the name of their part; parts without gaps are left out."""
    parts: dict[str, np.ndarray] = {}
    times, motion = np.array([gap.time_of_day for gap in gaps]), np.array([gap.motion_px for gap in gaps])
    for rate, name in enumerate(RATES):
        of_rate = np.array([gap.rate == rate for gap in gaps])
        if not of_rate.any():
            continue
        fast = of_rate & (motion >= np.quantile(motion[of_rate], 2 / 3))
        parts |= {name: of_rate, f"{name}, fastest third": fast}
        parts |= {f"{name}, {time}": of_rate & (times == place) for place, time in enumerate(TIMES_OF_DAY)}
    return {name: np.flatnonzero(mask) for name, mask in parts.items() if mask.any()}
