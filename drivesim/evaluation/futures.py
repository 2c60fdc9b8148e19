"""Futures of real frames, compared with what really happened.

Each start is a moment of a drive log. The models are given the frame of that moment, or two frames, and sample several
futures. Keyframes are compared at low resolution, so neither interpolation nor upsampling is measured. At most one of
several futures can be what happened, so the best one counts (best of k). The Fréchet distance compares all
of them with the real frames as a set.

Two other groups give the figures a scale: `held` repeats the last known frame, and `reconstructed` is the real future
after the autoencoder, which no prediction can beat by much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from drivesim.data.drive_log import DriveLog, find_drive_logs, split_of
from drivesim.distances import frechet_distance
from drivesim.engine import Engine, EngineSettings, sampled_roles, settings_named
from drivesim.engine.decode import decode_frames
from drivesim.engine.first_frame.compose import fitted
from drivesim.errors import FootageError
from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.metrics.features import FeatureNetwork, features_of
from drivesim.evaluation.protocol import Figure, Protocol, Report
from drivesim.evaluation.reconstruction import perceptual_distances
from drivesim.evaluation.samples.footage import OnProgress, Split
from drivesim.models.pixels import to_bytes, to_unit_range
from drivesim.scenario import Scenario
from drivesim.scenario.previews.drawing import draw_text
from drivesim.training.losses.perceptual import PerceptualDistance

ROLES = ("autoencoder", "prediction")
"""The stages that are measured."""
GROUPS = ("futures", "held", "reconstructed")


@dataclass(frozen=True)
class FuturesTask:
    """The futures that the models sample.

    Attributes:
        num_futures: Number of futures of each start, k.
        num_keyframes: Number of keyframes of each future, the known ones included.
        context_frames: Number of known keyframes, 1 or 2.
        seed: Seed of the first start; the others follow.
    """

    num_futures: int
    num_keyframes: int
    context_frames: int = 1
    seed: int = 0

    @classmethod
    def lasting(
        cls, seconds: float, keyframe_fps: float, num_futures: int, context_frames: int = 1, seed: int = 0
    ) -> FuturesTask:
        """Returns the task of futures that last `seconds`."""
        num_keyframes = 1 + max(context_frames, round(seconds * keyframe_fps))
        return cls(num_futures, num_keyframes, context_frames, seed)

    def duration_s(self, keyframe_fps: float) -> float:
        """Returns the time from the first keyframe to the last one."""
        return (self.num_keyframes - 1) / keyframe_fps


@dataclass(frozen=True, eq=False)
class Compared:
    """A start, its real future and its sampled futures, without the known keyframes.

    Attributes:
        name: Log and time of the start.
        known: The last known frame, uint8 `h w 3`.
        real: The real keyframes, uint8 `t h w 3`.
        futures: The futures, uint8 `k t h w 3`.
        reconstructed: The real keyframes after the autoencoder, uint8 `t h w 3`.
    """

    name: str
    known: np.ndarray
    real: np.ndarray
    futures: np.ndarray
    reconstructed: np.ndarray

    @property
    def held(self) -> np.ndarray:
        """The last known frame, repeated: uint8 `t h w 3`."""
        return np.repeat(self.known[None], len(self.real), axis=0)


def spread_starts(
    data: Path, split: Split, num_starts: int, duration_s: float, held_out: Collection[str] = ()
) -> list[tuple[Path, float]]:
    """Returns up to `num_starts` moments (log, seconds), spread evenly over all drive logs that are long enough.

    Args:
        data: Folder with drive logs.
        split: Which logs to take.
        num_starts: Number of moments.
        duration_s: How much of the log has to follow each moment.
        held_out: Names of the recordings that are held out; without any, the names of the logs decide.

    Raises:
        FootageError: No drive log of the split is long enough.
    """
    logs = [path for path in find_drive_logs(data) if split == "all" or split_of(path.name, held_out) == "held_out"]
    room = []
    for path in logs:
        labels = DriveLog.open(path).labels
        spare = (len(labels.frames) - 1) / labels.fps - duration_s
        if spare >= 0:
            room.append((path, spare))
    if not room:
        raise FootageError(f"{data}: no drive log of the split {split} lasts {duration_s:g} s")
    # A log is as long as its room and one more second, so that logs without spare room are chosen too.
    ends = np.cumsum([spare + 1 for _, spare in room])
    starts = []
    for place in (np.arange(num_starts) + 0.5) * ends[-1] / num_starts:
        number = int(np.searchsorted(ends, place, side="right"))
        path, spare = room[number]
        starts.append((path, round(float(min(spare, place - (ends[number] - spare - 1))), 3)))
    return sorted(set(starts))


def compared_futures(
    engine: Engine,
    starts: Sequence[tuple[Path, float]],
    task: FuturesTask,
    settings: EngineSettings,
    on_progress: OnProgress,
) -> Iterator[Compared]:
    """Samples the futures of each start and reads its real future.

    Raises:
        FootageError: A drive log cannot be read.
    """
    gap_s = 1 / engine.video.keyframe_fps
    for number, (path, time_s) in enumerate(starts):
        log = DriveLog.open(path)
        real = _real_keyframes(engine, log, [time_s + gap_s * i for i in range(task.num_keyframes)])
        scenario = Scenario(
            format=1,
            name="start",
            time_of_day=log.labels.time_of_day,
            context_frames=tuple(f"{path.absolute()}@{time_s + gap_s * i:.6f}" for i in range(task.context_frames)),
            duration_s=max(0.4, gap_s * (task.num_keyframes - 1)),
        )
        made = []
        for future in range(task.num_futures):
            latents = _keyframe_latents(engine, scenario, future, task.seed + number, settings, task.num_keyframes)
            made.append(_decoded(engine, torch.from_numpy(latents))[task.context_frames :])
            on_progress("sampling futures", number * task.num_futures + future + 1, len(starts) * task.num_futures)
        with torch.inference_mode():
            encoded = engine.networks.autoencoder.encode(
                to_unit_range(torch.from_numpy(real[task.context_frames :]))[:, None]
            )[:, 0]
        yield Compared(
            f"{path.name}@{time_s:g}",
            real[task.context_frames - 1],
            real[task.context_frames :],
            np.stack(made),
            _decoded(engine, encoded),
        )


def futures_report(
    engine: Engine, compared: Sequence[Compared], task: FuturesTask, network: FeatureNetwork, preset: str
) -> Report:
    """Returns the report of futures that were sampled with the settings of a preset."""
    figures = tuple(futures_figures(compared, task, engine.video.keyframe_fps, network, str(engine.device)))
    roles = sampled_roles(ROLES, settings_named(preset), engine.checkpoints)
    subject = {role: engine.checkpoints.sha256[role] for role in roles} | {"sampling": f"preset {preset}"}
    return Report("futures", subject, figures)


def futures_figures(
    compared: Sequence[Compared], task: FuturesTask, keyframe_fps: float, network: FeatureNetwork, device: str
) -> Iterator[Figure]:
    """Measures futures against what really happened.

    The perceptual distance (ST-LPIPS) is averaged over the horizon, and given for each keyframe of it. For `futures`,
    `best_of_k` is the distance of the nearest of the k futures per start, and `mean_of_k` the mean over all futures.
    """
    perceptual = PerceptualDistance().to(device)
    distances = {group: _distances(perceptual, compared, group, device) for group in GROUPS}
    protocol = _protocol(compared, task, keyframe_fps, "shift-tolerant perceptual distance to the real keyframe", None)
    horizons = [(task.context_frames + i) / keyframe_fps for i in range(len(compared[0].real))]
    for group, by_future in distances.items():
        best = by_future[np.arange(len(by_future)), by_future.mean(2).argmin(1)]
        name = "best_of_k" if group == "futures" else "perceptual"
        yield mean_figure(name, group, best.mean(1), protocol)
        if group == "futures":
            yield mean_figure("mean_of_k", group, by_future.mean((1, 2)), protocol)
        for place, horizon_s in enumerate(horizons):
            yield mean_figure(name, f"{group} after {horizon_s:g} s", best[:, place], protocol)
    protocol = _protocol(compared, task, keyframe_fps, "Fréchet distance to the real keyframes", network)
    real = features_of(network, np.concatenate([item.real for item in compared]), device)
    for group in GROUPS:
        made = features_of(network, np.concatenate([_frames(item, group) for item in compared]), device)
        yield Figure("frechet_distance", group, frechet_distance(made, real), None, None, len(made), protocol)


def futures_sheet(compared: Sequence[Compared], num_futures: int = 2, num_frames: int = 6) -> np.ndarray:
    """Draws the real future of each start above some of its futures, time to the right: uint8 `h w 3`."""
    rows = []
    for item in compared:
        places = np.linspace(0, len(item.real) - 1, min(num_frames, len(item.real))).round().astype(int)
        shown = [("real", item.real), *((f"future {k}", frames) for k, frames in enumerate(item.futures[:num_futures]))]
        for label, frames in shown:
            tiles = [item.known, *frames[places]]
            row = np.concatenate([cv2.resize(tile, (256, 128), interpolation=cv2.INTER_AREA) for tile in tiles], axis=1)
            draw_text(row, f"{item.name} {label}", (4, 12), (255, 255, 255), 0.36)
            rows.append(row)
    return np.concatenate(rows)


def _keyframe_latents(
    engine: Engine, scenario: Scenario, future: int, seed: int, settings: EngineSettings, count: int
) -> np.ndarray:
    """Returns the latents of the first `count` keyframes of a future, `t c h w`."""
    made = engine.future(scenario, future, seed, settings)
    timeline, window = made.timeline, 0
    latents: np.ndarray | None = None
    parts: list[np.ndarray] = []
    while sum(len(part) for part in parts) < count:
        latents = made.predict(window, latents).latents
        new_from = timeline.first_keyframe(window - 1) + len(latents) - timeline.first_keyframe(window) if window else 0
        parts.append(latents[new_from:])
        window += 1
    return np.concatenate(parts)[:count]


@torch.inference_mode()
def _decoded(engine: Engine, latents: torch.Tensor) -> np.ndarray:
    """Returns the frames, uint8 `t h w 3`, of latents `t c h w`."""
    count = range(len(latents))
    return to_bytes(decode_frames(engine.networks.autoencoder, latents.to(engine.device), count, len(count)))


def _real_keyframes(engine: Engine, log: DriveLog, times_s: Sequence[float]) -> np.ndarray:
    """Returns the frames of a log at these times in low resolution, uint8 `t h w 3`."""
    indices = [log.index_at(time_s) for time_s in times_s]
    frames = log.read(indices[0], indices[-1] + 1)
    size = (engine.video.low_height, engine.video.low_width)
    return np.stack([fitted(frames[index - indices[0]], *size) for index in indices])


def _frames(item: Compared, group: str) -> np.ndarray:
    """Returns all frames of a group, uint8 `n h w 3`."""
    return item.futures.reshape(-1, *item.real.shape[1:]) if group == "futures" else getattr(item, group)


def _distances(perceptual: PerceptualDistance, compared: Sequence[Compared], group: str, device: str) -> np.ndarray:
    """Returns the distances `n k t` of a group's frames to the real ones; k is 1 for groups other than futures."""
    rows = []
    for item in compared:
        frames = _frames(item, group)
        real = np.concatenate([item.real] * (len(frames) // len(item.real)))
        rows.append(perceptual_distances(perceptual, frames, real, device).reshape(-1, len(item.real)))
    return np.stack(rows)


def _protocol(
    compared: Sequence[Compared], task: FuturesTask, keyframe_fps: float, measure: str, network: FeatureNetwork | None
) -> Protocol:
    digest = hashlib.sha256()
    for item in compared:
        digest.update(item.name.encode() + item.known.tobytes() + item.real.tobytes())
    height, width = compared[0].real.shape[1:3]
    return Protocol(
        measure=measure,
        network="st-lpips-alex" if network is None else network.name,
        network_sha256=None if network is None else network.sha256,
        num_samples=len(compared),
        num_frames=len(compared[0].real),
        fps=keyframe_fps,
        height=height,
        width=width,
        resize="none" if network is None else network.resize,
        seeds=f"{task.seed} on",
        reference=digest.hexdigest(),
        settings=f"{task.num_futures} futures of {task.context_frames} known keyframe(s)",
    )
