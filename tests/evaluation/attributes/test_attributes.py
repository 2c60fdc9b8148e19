"""The classifier tells headings and colours of drawn vehicles, and figures count what it says against the labels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.data.drive_log import DriveLogWriter
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel, VehicleLabel
from drivesim.engine import Engine, fast
from drivesim.errors import FootageError
from drivesim.evaluation.attributes.classifier import ClassifierTraining, classified, train_classifier
from drivesim.evaluation.attributes.crops import SIDE, ShownVehicles
from drivesim.evaluation.attributes.figures import attribute_figures, figures_of, trained_classifier
from drivesim.evaluation.protocol import Protocol
from drivesim.evaluation.samples.composed import FrameSampling
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage
from drivesim.scenario import Sampling
from drivesim.scenario.schema.vocabulary import COLOURS

HEIGHT, WIDTH = 64, 128
PAINT = {"red": (210, 40, 40), "blue": (40, 60, 200)}
QUICK = ClassifierTraining(steps=60, batch_size=32)


def painted(frame: np.ndarray, box: tuple[int, int, int, int], colour: str, oncoming: bool) -> None:
    """A vehicle with white lights below if it shows its front, and a dark bar there if it shows its rear."""
    x0, y0, x1, y1 = box
    frame[y0:y1, x0:x1] = PAINT[colour]
    frame[y1 - 7 : y1, x0:x1] = (250, 250, 250) if oncoming else (20, 20, 20)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of red and blue vehicles that show their front or their rear, and of one that is mostly hidden."""
    root, rng = tmp_path_factory.mktemp("attributes"), np.random.default_rng(0)
    for number in range(24):
        header = DriveLogLabels("test", 10.0, WIDTH, HEIGHT, time_of_day="day")
        with DriveLogWriter(root / f"log_{number:02d}", header) as writer:
            for index in range(3):
                frame = rng.integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
                vehicles = []
                for slot in range(2):
                    x0, y0 = 6 + 60 * slot + int(rng.integers(20)), int(rng.integers(8, 26))
                    box, colour, oncoming = (x0, y0, x0 + 26, y0 + 22), *draw(rng)
                    painted(frame, box, colour, oncoming)
                    vehicles.append(vehicle(slot, box, colour, math.pi if oncoming else 0.0, 1.0))
                vehicles.append(vehicle(5, (60, 2, 90, 7), "red", 0.0, 0.4))
                writer.write(frame, FrameLabel(index / 10, 5.0, 0.0, tuple(vehicles)))
    return root


def draw(rng: np.random.Generator) -> tuple[str, bool]:
    return ("red", "blue")[rng.integers(2)], bool(rng.integers(2))


def vehicle(
    track_id: int, box: tuple[int, int, int, int], colour: str, heading_rad: float, visible: float
) -> VehicleLabel:
    edges = tuple(map(float, box))
    return VehicleLabel(track_id, "car", edges, edges, 10.0, visible, heading_rad=heading_rad, colour=colour)


@pytest.fixture(scope="module")
def footage(logs: Path) -> MeasuredFootage:
    return measured_footage(logs, HEIGHT, WIDTH, 1000, "all", 0, lambda *_: None)


@pytest.fixture(scope="module")
def halves(footage: MeasuredFootage) -> tuple[MeasuredFootage, MeasuredFootage]:
    first, second = footage.half(0), footage.half(1)
    return first, replace(second, log_names=second.log_names[1::2])


def test_only_vehicles_that_can_be_seen_are_shown(footage: MeasuredFootage) -> None:
    vehicles = ShownVehicles.of(footage.footage, footage.index)
    assert len(vehicles) == 2 * len(footage)
    part = footage.index[3:5]
    assert ShownVehicles.of(footage.footage, part).frame.tolist() == [0, 0, 1, 1]


def test_a_crop_shows_the_vehicle_and_a_little_around_it(footage: MeasuredFootage) -> None:
    vehicles = ShownVehicles.of(footage.footage, footage.index)
    crops = vehicles.crops(footage.frames)
    assert crops.shape == (len(vehicles), SIDE, SIDE, 3)
    middle = crops[:, SIDE // 3, SIDE // 2].astype(int)
    red = vehicles.colour == COLOURS.index("red")
    assert (middle[red, 0] > middle[red, 2]).all()
    assert (middle[~red, 2] > middle[~red, 0]).all()
    assert (np.ptp(crops[:, 0, 0].astype(int), axis=1) < 60).all()  # the corner is grey road


def test_the_classifier_tells_front_from_rear_and_the_colours(halves) -> None:
    recorded, measured = (ShownVehicles.of(half.footage, half.index) for half in halves)
    network = train_classifier(recorded.crops(halves[0].frames), recorded, QUICK, lambda *_: None)
    crops = measured.crops(halves[1].frames)
    heading, colour = classified(network, crops)
    assert (colour == measured.colour).mean() > 0.9
    assert ((np.cos(heading) > 0) == (np.cos(measured.heading_rad) > 0)).mean() > 0.9
    soft = np.stack([cv2.GaussianBlur(crop, (0, 0), 2.0) for crop in crops])
    assert (classified(network, soft)[1] == measured.colour).mean() > 0.8


def test_headings_count_to_45_degrees_and_unknown_ones_not_at_all() -> None:
    wanted = np.array([0.0, np.pi, -np.pi / 2, np.nan, 0.2])
    vehicles = ShownVehicles(np.array([0, 0, 1, 1, 1]), np.zeros((5, 4)), wanted, np.array([0, 1, -1, 2, 3]))
    found = np.array([0.7, -np.pi + 0.1, np.pi / 2, 0.0, 1.2])
    protocol = Protocol("", "c", "ab" * 32, 2, 1, None, 64, 128, "none", "0..1", "cd" * 32, "conditioned on boxes")
    figures = {f.name: f for f in figures_of(vehicles, found, np.array([0, 0, 0, 2, 0]), "real", protocol)}
    facing, oncoming, colour = (figures[n] for n in ("facing_right", "facing_right_oncoming", "colour_right"))
    assert (facing.value, facing.count) == (2 / 4, 4)
    assert (oncoming.value, oncoming.count) == (1.0, 1)
    assert (colour.value, colour.count) == (2 / 4, 4)


def test_real_frames_are_judged_beside_composed_ones(tiny_checkpoints: Path, halves) -> None:
    recorded, measured = halves
    classifier = trained_classifier(recorded, measured, QUICK, lambda *_: None)
    sampling = FrameSampling(fast().with_sampling(Sampling(steps=1)), enlarge=False)
    names = ("boxes", "box_headings", "box_colours")
    few = replace(measured, index=measured.index[:4])
    figures = list(
        attribute_figures(Engine.load(tiny_checkpoints), classifier, few, names, sampling, 0, lambda *_: None)
    )
    value = {(figure.name, figure.group): figure.value for figure in figures}
    assert value["colour_right", "real"] > 0.7
    assert {group for _, group in value} == {"composed", "reconstructed", "real"}
    assert all(figure.protocol.network_sha256 == classifier.sha256 for figure in figures)


def test_measured_frames_do_not_train_the_classifier(footage: MeasuredFootage) -> None:
    with pytest.raises(FootageError, match="--renders"):
        trained_classifier(footage, footage, QUICK, lambda *_: None)
