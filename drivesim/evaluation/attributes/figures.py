"""How many vehicles in composed frames face where they should and have the colour that they should have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from drivesim.engine import Engine
from drivesim.errors import FootageError
from drivesim.evaluation.attributes.classifier import (
    AttributeClassifier,
    ClassifierTraining,
    classified,
    train_classifier,
)
from drivesim.evaluation.attributes.crops import ShownVehicles
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.composed import FrameSampling, composed_frames, reconstructed_frames
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.geometry.headings import from_line_of_sight

_RIGHT_WITHIN_RAD = np.pi / 4
_ONCOMING_FROM_RAD = 3 * np.pi / 4
_LEAST_VEHICLES = 50


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier, and the sha256 of what it was trained on and how."""

    network: AttributeClassifier
    sha256: str


def trained_classifier(
    recorded: MeasuredFootage, measured: MeasuredFootage, config: ClassifierTraining, on_progress: OnProgress
) -> TrainedClassifier:
    """Trains a classifier on the frames of logs that are not measured.

    Raises:
        FootageError: Too few vehicles with known headings or colours are left.
    """
    left = recorded.without_logs(measured.log_names)
    vehicles = ShownVehicles.of(left.footage, left.index)
    if len(vehicles) < _LEAST_VEHICLES:
        raise FootageError(
            f"{recorded.footage.folder}: the logs that are not measured show {len(vehicles)} vehicles with a known "
            f"heading or colour, but at least {_LEAST_VEHICLES} are needed to train the classifier; name more with "
            "--renders"
        )
    origin = hashlib.sha256(f"{left.identity} {config}".encode()).hexdigest()
    network = train_classifier(vehicles.crops(left.frames), vehicles, config, on_progress)
    return TrainedClassifier(network, origin)


def attribute_figures(
    engine: Engine,
    classifier: TrainedClassifier,
    footage: MeasuredFootage,
    condition_names: tuple[str, ...],
    sampling: FrameSampling,
    seed: int,
    on_progress: OnProgress,
) -> Iterator[Figure]:
    """Measures the fractions of vehicles whose heading and colour are those of the labels.

    Args:
        engine: The engine.
        classifier: Says how the vehicle in a crop looks; what it gets wrong in real frames is its own error.
        footage: Real frames whose labels contain headings and colours.
        condition_names: Names of the conditions of the image model, with or without `box_headings` and `box_colours`.
        sampling: How frames are composed.
        seed: Seed of the choice of the footage.
        on_progress: Is called with the progress of the work.
    """
    vehicles = ShownVehicles.of(footage.footage, footage.index)
    made = composed_frames(engine, footage.conditions(condition_names), len(footage), sampling, on_progress)
    reconstructed = reconstructed_frames(engine, footage.frames, sampling, on_progress)
    protocol = Protocol(
        measure="",
        network="attribute classifier",
        network_sha256=classifier.sha256,
        num_samples=len(footage),
        num_frames=1,
        fps=None,
        height=made.shape[1],
        width=made.shape[2],
        resize="crops to 40x40",
        seeds=f"samples {sampling.seeds(len(footage))}, reference {seed}",
        reference=footage.identity,
        settings=sampling.protocol(condition_names),
    )
    for group, frames in (("composed", made), ("reconstructed", reconstructed), ("real", footage.frames)):
        heading, colour = classified(classifier.network, vehicles.crops(frames))
        yield from figures_of(vehicles, heading, colour, group, protocol)


def figures_of(
    vehicles: ShownVehicles, heading_rad: np.ndarray, colour: np.ndarray, group: str, protocol: Protocol
) -> Iterator[Figure]:
    """Yields the fractions of vehicles that face and look as their labels say.

    Args:
        vehicles: The vehicles, `m`.
        heading_rad: How they face by the classifier, `m`.
        colour: Their colours by the classifier, `m`.
        group: Group of the figures.
        protocol: Protocol without the measure.
    """
    known = np.isfinite(vehicles.heading_rad)
    wanted = np.nan_to_num(vehicles.heading_rad)
    faces = np.abs(from_line_of_sight(heading_rad, wanted)) <= _RIGHT_WITHIN_RAD
    oncoming = known & (np.abs(wanted) >= _ONCOMING_FROM_RAD)
    for name, measure, counted, right in (
        ("facing_right", "fraction of vehicles that face where they should, to 45 degrees", known, faces),
        ("facing_right_oncoming", "the same, of vehicles that face the camera to 45 degrees", oncoming, faces),
        ("colour_right", "fraction of vehicles of the right colour", vehicles.colour >= 0, colour == vehicles.colour),
    ):
        below = np.bincount(vehicles.frame[counted], minlength=protocol.num_samples).astype(float)
        above = np.bincount(vehicles.frame[counted & right], minlength=protocol.num_samples).astype(float)
        of_measure = replace(protocol, measure=f"{measure}, bootstrap over frames")
        yield ratio_figure(name, group, above, below, of_measure)
