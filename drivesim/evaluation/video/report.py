"""All figures of videos: which videos are compared with which, and the parts of the evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivesim.detection.detector import Detector
from drivesim.evaluation.metrics.features import FeatureNetwork
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.continuity import continuity_figures
from drivesim.evaluation.video.measures.distance import clip_distance_figures
from drivesim.evaluation.video.measures.diversity import diversity_figures
from drivesim.evaluation.video.measures.drift import drift_figures
from drivesim.evaluation.video.measures.features import ClipNetwork
from drivesim.evaluation.video.measures.latent_contrast import Encode, latent_contrast_figures
from drivesim.evaluation.video.measures.permanence import permanence_figures
from drivesim.evaluation.video.measures.spread import spread_figures
from drivesim.evaluation.video.measures.tracks import LOWEST_FPS, Follower
from drivesim.evaluation.video.measures.warping import warping_figures
from drivesim.evaluation.video.sources.videos import Video, identity


class Part(StrEnum):
    """A part of the evaluation.

    Attributes:
        distance: Fréchet distances of clips and of single frames, with floor and ladder.
        warping: Warping error, motion, and pairs of equal frames.
        diversity: Distances of futures of one scene and of other scenes, and how differently vehicles and ego move.
        drift: Measures of each window, of its latents too where they are stored.
        continuity: Time of day and number of vehicles at the end.
        vehicles: Vehicles that vanish, appear from nowhere, or change category, and those that last for 3 seconds.
    """

    distance = "distance"
    warping = "warping"
    diversity = "diversity"
    drift = "drift"
    continuity = "continuity"
    vehicles = "vehicles"


@dataclass(frozen=True, eq=False)
class Compared:
    """The videos of an evaluation, all of one size and frame rate.

    Attributes:
        made: Videos of the models.
        asked: Recorded videos of the scenes that the models continue, or of any scenes.
        reference: Recorded videos of other scenes, which nothing was made from.
        repeated: Some of the made videos, sampled once more.
    """

    made: Sequence[Video]
    asked: Sequence[Video]
    reference: Sequence[Video]
    repeated: Sequence[Video] = ()


@dataclass(frozen=True, eq=False)
class Instruments:
    """What videos are measured with.

    Attributes:
        clips: Maps clips to features.
        frames: Maps frames to features.
        detector: Finds vehicles; None leaves vehicles out.
        clip_frames: Length of a clip.
        window_s: Length of a window of the drift curve in seconds.
        device: Device of the networks.
        encode: Maps frames to latents, where the latents of videos are known; None leaves latents out.
    """

    clips: ClipNetwork
    frames: FeatureNetwork
    detector: Detector | None
    clip_frames: int
    window_s: float
    device: str
    encode: Encode | None = None


def video_figures(
    compared: Compared,
    parts: Sequence[Part],
    instruments: Instruments,
    seeds: str,
    settings: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures videos.

    Args:
        compared: The videos.
        parts: The parts of the evaluation. Vehicles and ego motion are left out below 5 frames per second.
        instruments: What they are measured with.
        seeds: Seeds of the videos, for the protocol.
        settings: How the task is set, for the protocol.
        on_progress: Is called with the progress of the work.
    """
    made, device = compared.made, instruments.device
    height, width = made[0].frames[:1].shape[1:3]
    protocol = Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=len(made),
        num_frames=max(len(video.frames) for video in made),
        fps=made[0].fps,
        height=height,
        width=width,
        resize="none",
        seeds=seeds,
        reference=f"{identity(compared.reference)} against {identity(compared.asked)}",
        settings=settings,
    )
    groups = {"made": made, "real": compared.asked}
    follower = None if instruments.detector is None else Follower(instruments.detector)
    if Part.distance in parts:
        yield from clip_distance_figures(
            made,
            compared.asked,
            compared.reference,
            (instruments.clips, instruments.frames),
            instruments.clip_frames,
            protocol,
            device,
            on_progress,
        )
    if Part.warping in parts:
        yield from warping_figures(groups, protocol, on_progress)
    if Part.diversity in parts:
        yield from diversity_figures(made, compared.repeated, protocol, device, on_progress)
        if made[0].fps >= LOWEST_FPS:
            yield from spread_figures(made, compared.repeated, compared.asked, follower, protocol, on_progress)
    if Part.drift in parts:
        recorded = [*compared.reference, *compared.asked]
        yield from drift_figures(
            made, recorded, instruments.frames, instruments.window_s, protocol, device, on_progress
        )
        if instruments.encode is not None:
            yield from latent_contrast_figures(made, recorded, instruments.encode, protocol, on_progress)
    if Part.continuity in parts:
        recorded = [*compared.reference, *compared.asked]
        yield from continuity_figures(groups, recorded, instruments.detector, protocol, on_progress)
    if Part.vehicles in parts and follower is not None and made[0].fps >= LOWEST_FPS:
        yield from permanence_figures(groups, follower, protocol, on_progress)
