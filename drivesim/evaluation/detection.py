"""What detectors find in frames that the chain made, beside what they find in the recorded frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.detection.detector import Detector
from drivesim.detection.scores import Verdicts, judge
from drivesim.engine import Engine
from drivesim.evaluation.figures import mean_figure, ratio_figure
from drivesim.evaluation.metrics.slices import SIZES_PX, size_name
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.chain_frames import CONDITION_NAMES, FrameSource, chain_frames
from drivesim.evaluation.samples.composed import FrameSampling
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.models.checkpoints import VEHICLE_DETECTOR
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.scenario.schema.vocabulary import FRAME_WIDTH_PX, TIMES_OF_DAY

FROM_PX = 48
"""Longer side, in pixels of the 1024-wide frame, from which vehicles count; smaller ones have a part of their own."""

ALL = f"from {FROM_PX} px"
_OWN = "vehicle detector"
_FOUND = "part of the vehicles with a detection of any category, overlap of at least 0.5, bootstrap over frames"
_TO_RENDER = "vehicles found per vehicle found in the recorded frames, bootstrap over frames"


@dataclass(frozen=True, eq=False)
class OwnDetector:
    """The vehicle detector of a checkpoint set, as a `Detector`.

    Attributes:
        network: The network.
        sha256: The sha256 of its checkpoint.
        name: Its name in figures.
    """

    network: VehicleDetector
    sha256: str
    name: str = _OWN

    @classmethod
    def of(cls, engine: Engine) -> OwnDetector:
        """Returns the vehicle detector of an engine.

        Raises:
            CheckpointError: The checkpoints hold none.
        """
        return cls(engine.networks.vehicle_detector, engine.checkpoints.sha256[VEHICLE_DETECTOR])

    @property
    def threshold(self) -> float:
        """The smallest score of a detection that counts."""
        return float(self.network.threshold)

    @property
    def preparation(self) -> str:
        """How frames become the input of the network."""
        return f"area or bicubic to {self.network.config.height}x{self.network.config.width}"

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Returns the vehicles in each of the frames uint8 `t h w 3`."""
        return detect_vehicles(self.network, frames)


def detection_figures(
    engine: Engine,
    footage: MeasuredFootage,
    detectors: Sequence[Detector],
    wanted: Sequence[FrameSource],
    sampling: FrameSampling,
    seed: int,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures the fraction of the labelled vehicles that each detector finds, and its false detections.

    Vehicles count that are visible enough to be requested, whatever category a detection gives them. If recorded
    frames are among the `wanted` ones, `found_to_render` compares frames of every other source with them.

    Args:
        engine: Makes the frames.
        footage: Recorded frames with labels.
        detectors: The detectors to measure.
        wanted: Where the frames come from in which vehicles are looked for.
        sampling: How frames are composed.
        seed: Seed of the choice of the footage.
        on_progress: Is called with the progress of the work.

    Yields:
        Figures by detector, source of the frames, size of the vehicles and time of day.
    """
    found: dict[tuple[str, FrameSource], list[Detections]] = {}
    for batch in chain_frames(engine, footage, wanted, sampling, on_progress):
        for detector in detectors:
            for source, frames in batch.items():
                found.setdefault((detector.name, source), []).extend(detector.detect(frames))
    for detector in detectors:
        protocol = _protocol(footage, detector, sampling, seed)
        for part, (sides, frames) in _parts(footage.time_of_day).items():
            results = {source: _verdicts(footage, found[detector.name, source], sides, frames) for source in wanted}
            for source, verdicts in results.items():
                group = f"{detector.name}: {source}, {part}"
                hits = _hits(verdicts)
                yield _ratio("found", group, hits, verdicts.num_vehicles, protocol, _FOUND)
                if part == ALL:
                    yield _false_detections(group, verdicts, protocol)
                if source != FrameSource.render and FrameSource.render in results:
                    yield _ratio(
                        "found_to_render", group, hits, _hits(results[FrameSource.render]), protocol, _TO_RENDER
                    )


def _parts(time_of_day: np.ndarray) -> dict[str, tuple[tuple[float, float], np.ndarray]]:
    """Ranges of longer sides and numbers of frames, by name."""
    everything = np.arange(len(time_of_day))
    large = (FROM_PX / FRAME_WIDTH_PX, np.inf)
    parts = {ALL: (large, everything)}
    for low, high in SIZES_PX:
        top = np.inf if high >= FRAME_WIDTH_PX else high / FRAME_WIDTH_PX
        parts[size_name(low, high)] = ((low / FRAME_WIDTH_PX, top), everything)
    return parts | {name: (large, np.flatnonzero(time_of_day == place)) for place, name in enumerate(TIMES_OF_DAY)}


def _verdicts(
    footage: MeasuredFootage, found: list[Detections], sides: tuple[float, float], frames: np.ndarray
) -> Verdicts:
    truths = [footage.labels.truth(int(footage.index[i])) for i in frames]
    return judge(truths, [found[i] for i in frames], sides=sides)


def _hits(verdicts: Verdicts) -> np.ndarray:
    """The number of vehicles found in each frame."""
    return np.bincount(verdicts.frame[verdicts.hit], minlength=len(verdicts.num_vehicles)).astype(float)


def _ratio(
    name: str, group: str, numerator: np.ndarray, denominator: np.ndarray, protocol: Protocol, measure: str
) -> Figure:
    return ratio_figure(name, group, numerator, denominator, replace(protocol, measure=measure))


def _false_detections(group: str, verdicts: Verdicts, protocol: Protocol) -> Figure:
    frames = len(verdicts.num_vehicles)
    counts = np.bincount(verdicts.frame[~verdicts.hit], minlength=frames).astype(float)
    measure = replace(protocol, measure=f"detections of at least {FROM_PX} px per frame that hit no vehicle, bootstrap")
    return mean_figure("false_per_frame", group, counts, measure)


def _protocol(footage: MeasuredFootage, detector: Detector, sampling: FrameSampling, seed: int) -> Protocol:
    height, width = footage.some_frames(slice(0, 1)).shape[1:3]
    recorded, composed = footage.recorded_sizes, sampling.protocol(CONDITION_NAMES)
    return Protocol(
        measure="",
        network=detector.name,
        network_sha256=detector.sha256,
        num_samples=len(footage),
        num_frames=1,
        fps=None,
        height=height,
        width=width,
        resize=detector.preparation,
        seeds=f"samples {sampling.seeds(len(footage))}, reference {seed}",
        reference=footage.identity,
        settings=f"score of at least {detector.threshold:.4g}, recorded at {recorded}, composed {composed}",
    )
