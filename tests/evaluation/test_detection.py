"""A detector that sees everything finds everything, a blind one nothing; sizes and times of day are told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.detection.detections import Detections
from drivesim.engine import Engine, fast
from drivesim.evaluation.detection import OwnDetector, detection_figures
from drivesim.evaluation.protocol import Figure
from drivesim.evaluation.samples.chain_frames import FrameSource
from drivesim.evaluation.samples.composed import FrameSampling
from drivesim.evaluation.samples.footage import MeasuredFootage, measured_footage

WAYS = (FrameSource.render, FrameSource.small_bicubic)


@dataclass(frozen=True)
class FakeDetector:
    """Gives the boxes that `see` finds in a frame, all of one category."""

    name: str
    see: Callable[[np.ndarray], np.ndarray]
    threshold: float = 0.5
    sha256: str = "ab" * 32
    preparation: str = "none"

    def detect(self, frames: np.ndarray) -> list[Detections]:
        found = []
        for frame in frames:
            xyxy = self.see(frame).reshape(-1, 4).astype(np.float32)
            found.append(Detections(xyxy, np.full(len(xyxy), 3), np.full(len(xyxy), 0.9, np.float32)))
        return found


def red_parts(frame: np.ndarray) -> np.ndarray:
    """Boxes `n 4` in 0..1 of what is red, as the vehicles of the footage are."""
    red = (frame[..., 0].astype(int) - frame[..., 2] > 90).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(cv2.morphologyEx(red, cv2.MORPH_OPEN, np.ones((5, 5))))[2][1:]
    height, width = red.shape
    return np.array([[x / width, y / height, (x + w) / width, (y + h) / height] for x, y, w, h, _ in stats])


def nothing(frame: np.ndarray) -> np.ndarray:
    return np.zeros((0, 4))


def everything_and_more(frame: np.ndarray) -> np.ndarray:
    return np.concatenate([red_parts(frame), [[0.02, 0.8, 0.3, 0.95]]])


def first_only(frame: np.ndarray) -> np.ndarray:
    boxes = red_parts(frame)
    return boxes[boxes[:, 0].argsort()][:1]


@pytest.fixture(scope="module")
def engine(checkpoints: Path) -> Engine:
    return Engine.load(checkpoints)


@pytest.fixture(scope="module")
def footage(logs: Path) -> MeasuredFootage:
    return measured_footage(logs, 128, 256, 8, "all", 0, lambda *_: None)


def _figures(engine: Engine, footage: MeasuredFootage, *detectors: object) -> dict[tuple[str, str], Figure]:
    sampling = FrameSampling(fast(), batch_size=3)
    figures = detection_figures(engine, footage, detectors, WAYS, sampling, 0, lambda *_: None)
    return {(figure.name, figure.group): figure for figure in figures}


def test_perfect_and_blind_detectors(engine: Engine, footage: MeasuredFootage) -> None:
    figures = _figures(engine, footage, FakeDetector("perfect", red_parts), FakeDetector("blind", nothing))
    vehicles = sum(int(footage.labels.truth(int(i)).counts.sum()) for i in footage.index)
    for way in WAYS:
        for part in ("from 48 px", "size from 96 px", "day", "night"):
            assert figures["found", f"perfect: {way}, {part}"].value == 1
            assert figures["found", f"blind: {way}, {part}"].value == 0
        assert figures["found", f"perfect: {way}, from 48 px"].count == vehicles
        assert figures["found", f"perfect: {way}, size 48 to 96 px"].value is None  # there are none
        assert figures["false_per_frame", f"perfect: {way}, from 48 px"].value == 0
    assert figures["found_to_render", "perfect: small_bicubic, from 48 px"].value == 1
    assert figures["found_to_render", "blind: small_bicubic, from 48 px"].value is None
    by_day = [figures["found", f"perfect: render, {part}"].count for part in ("day", "night")]
    assert sum(by_day) == vehicles
    assert min(by_day) > 0


def test_detections_that_hit_nothing_and_vehicles_that_are_missed(engine: Engine, footage: MeasuredFootage) -> None:
    figures = _figures(engine, footage, FakeDetector("eager", everything_and_more), FakeDetector("lazy", first_only))
    assert figures["found", "eager: render, from 48 px"].value == 1
    assert figures["false_per_frame", "eager: render, from 48 px"].value == 1
    lazy = figures["found", "lazy: render, from 48 px"]
    assert lazy.value == pytest.approx(len(footage) / lazy.count)
    assert lazy.low < lazy.value < lazy.high


def test_a_figure_names_its_detector(engine: Engine, footage: MeasuredFootage) -> None:
    own = OwnDetector.of(engine)
    figures = _figures(engine, footage, own, FakeDetector("perfect", red_parts))
    protocols = {figure.protocol.network: figure.protocol for figure in figures.values()}
    assert set(protocols) == {"vehicle detector", "perfect"}
    assert protocols["vehicle detector"].network_sha256 == engine.checkpoints.sha256["vehicle_detector"]
    assert protocols["vehicle detector"].resize == "area or bicubic to 64x128"
    assert "recorded at 64x128" in protocols["perfect"].settings
    assert "score of at least 0.5" in protocols["perfect"].settings
