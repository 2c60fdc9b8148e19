"""The Fréchet distance between sets of clips, beside a floor of real against real clips and a ladder of damage.

The floor is what a perfect model would reach with as many clips. The ladder shows that the distance sees time: frozen
and shuffled clips consist of nothing but real frames. The distance of single frames stands beside it, because a video
model can win one and lose the other (Video LDM, Tab. 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivesim.distances import frechet_distance
from drivesim.errors import FootageError
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.metrics.features import FeatureNetwork, features_of
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.measures.damage import time_ladder
from drivesim.evaluation.video.measures.features import I3D_NAME, ClipNetwork, StackedFeatures
from drivesim.evaluation.video.sources.videos import Video

_RESAMPLES = 100
FVD, CLIP_DISTANCE, FRAME_DISTANCE = "fvd", "clip_frechet_distance", "frame_frechet_distance"


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the clips or frames of videos.

    Attributes:
        values: Features `n d`.
        video: Number of the video that each row is of, `n`.
    """

    values: np.ndarray
    video: np.ndarray

    @property
    def num_videos(self) -> int:
        """Number of videos."""
        return int(self.video[-1]) + 1 if len(self.video) else 0

    @classmethod
    def joined(cls, of_videos: Sequence[np.ndarray]) -> Features:
        """Returns the features of all videos, given those of each one, `k d`."""
        numbers = np.repeat(np.arange(len(of_videos)), [len(part) for part in of_videos])
        return cls(np.concatenate(of_videos), numbers)

    def weights(self, of_videos: np.ndarray) -> np.ndarray:
        """Returns the weight of each row when whole videos are drawn: `n`."""
        return of_videos[self.video]


def clip_distance_figures(
    made: Sequence[Video],
    asked: Sequence[Video],
    reference: Sequence[Video],
    networks: tuple[ClipNetwork, FeatureNetwork],
    num_frames: int,
    protocol: Protocol,
    device: str,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures distances to the clips of recorded videos: of made clips, of other recorded clips, and of damaged ones.

    Args:
        made: Videos of the models.
        asked: Recorded videos of the scenes that the models were given.
        reference: Recorded videos of other scenes.
        networks: Maps clips to features, and frames.
        num_frames: Length of a clip.
        protocol: The protocol without measure and network.
        device: Device of the network of frames.
        on_progress: Is called with the progress of the work.

    Raises:
        FootageError: There are fewer than two clips on a side.
    """
    name_of_distance = clip_distance_name(networks[0])
    groups = {"made": clips_of(made, num_frames), "real": clips_of(asked, num_frames)}
    reference_clips = clips_of(reference, num_frames)
    for name, clips in (*groups.items(), ("reference", reference_clips)):
        if sum(map(len, clips)) < 2:
            raise FootageError(
                f"{name}: {sum(map(len, clips))} clips of {num_frames} frames; a distance needs two at least, "
                "so give more or longer videos, or fewer --clip-frames"
            )
    known = clip_and_frame_features(networks, reference_clips, device)
    for rung in time_ladder():
        groups[rung.name] = [rung.apply(clips) if len(clips) else clips for clips in groups["real"]]
    protocols = distance_protocols(protocol, networks, num_frames)
    for done, (group, clips) in enumerate(groups.items(), 1):
        found = clip_and_frame_features(networks, clips, device)
        yield distance_figure(name_of_distance, group, known[0], found[0], protocols[0])
        yield distance_figure(FRAME_DISTANCE, group, known[1], found[1], protocols[1])
        on_progress("measuring distances", done, len(groups))


def distance_figure(name: str, group: str, known: Features, found: Features, protocol: Protocol) -> Figure:
    """Returns the Fréchet distance of two sets of features with its interval."""

    def distance(of_known: np.ndarray, of_found: np.ndarray) -> float:
        return _drawn_distance(known, found, of_known, of_found)

    value = frechet_distance(known.values, found.values)
    interval = bootstrap_interval(distance, [known.num_videos, found.num_videos], _RESAMPLES, centred=True)
    return Figure(name, group, value, *interval, len(found.values), protocol)


def distance_ratio_figure(
    name: str,
    group: str,
    known: Features,
    first: Features,
    second: Features,
    protocol: Protocol,
    resamples: int = _RESAMPLES,
) -> Figure:
    """Returns the distance of a first set over that of a second one of the same videos.

    The interval is that of the logarithm, by bootstrap over videos, each drawn for both sets at once.
    """

    def log_ratio(of_known: np.ndarray, of_videos: np.ndarray) -> float:
        one, two = (_drawn_distance(known, found, of_known, of_videos) for found in (first, second))
        return float(np.log(one / two)) if one > 0 and two > 0 else float("nan")

    value = frechet_distance(known.values, first.values) / frechet_distance(known.values, second.values)
    low, high = bootstrap_interval(log_ratio, [known.num_videos, first.num_videos], resamples, centred=True)
    if low is None or high is None:
        return Figure(name, group, value, None, None, len(first.values), protocol)
    return Figure(name, group, value, float(np.exp(low)), float(np.exp(high)), len(first.values), protocol)


def _drawn_distance(known: Features, found: Features, of_known: np.ndarray, of_found: np.ndarray) -> float:
    """The distance when whole videos are drawn, as often as the weights say; NaN if fewer than two clips are."""
    weights = known.weights(of_known), found.weights(of_found)
    if min(weight.sum() for weight in weights) < 2:
        return float("nan")
    return frechet_distance(known.values, found.values, *weights)


def clips_of(videos: Sequence[Video], num_frames: int) -> list[np.ndarray]:
    """Returns all whole clips of `num_frames` frames of each video: uint8 `n t h w 3`, of which `n` may be 0."""
    found = []
    for video in videos:
        clips = list(video.clips(num_frames))
        found.append(np.stack(clips) if clips else np.zeros((0, num_frames, 1, 1, 3), np.uint8))
    return found


def clip_features(network: ClipNetwork, clips: Sequence[np.ndarray]) -> Features:
    """Returns the features of the clips uint8 `n t h w 3` of each video."""
    return Features.joined([network(part) for part in clips if len(part)])


def clip_and_frame_features(
    networks: tuple[ClipNetwork, FeatureNetwork], clips: Sequence[np.ndarray], device: str
) -> tuple[Features, Features]:
    """Returns the features of the clips uint8 `n t h w 3` of each video, and those of their single frames.

    Stacked features are made of those of the frames, so that each frame passes the network once.
    """
    of_clips, of_frames = networks
    given = [part for part in clips if len(part)]
    frames = [features_of(of_frames, part.reshape(-1, *part.shape[2:]), device) for part in given]
    singles = Features.joined(frames)
    if not isinstance(of_clips, StackedFeatures):
        return clip_features(of_clips, given), singles
    by_clip = [row.reshape(len(part), part.shape[1], -1) for row, part in zip(frames, given, strict=True)]
    return Features.joined([of_clips.stacked(row) for row in by_clip]), singles


def clip_distance_name(network: ClipNetwork) -> str:
    """Returns the name of the distance: FVD with the features of I3D, and only with them."""
    return FVD if network.name == I3D_NAME else CLIP_DISTANCE


def distance_protocols(
    protocol: Protocol, networks: tuple[ClipNetwork, FeatureNetwork], num_frames: int
) -> tuple[Protocol, Protocol]:
    """Returns the protocols of the distance of clips of `num_frames` frames and of that of their frames."""
    of_clips, of_frames = networks
    distance = "squared Fréchet distance of Gaussians"
    clips = replace(
        protocol,
        measure=f"{distance}, clips of {num_frames} frames, centred bootstrap over videos",
        network=of_clips.name,
        network_sha256=of_clips.sha256,
        resize=of_clips.resize,
    )
    frames = replace(
        protocol,
        measure=f"{distance}, single frames of the clips, centred bootstrap over videos",
        network=of_frames.name,
        network_sha256=of_frames.sha256,
        resize=of_frames.resize,
    )
    return clips, frames
