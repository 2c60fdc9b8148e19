"""The boxes of each frame of a future: those that the scenario requests, and those that the vehicle detector finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.scenario import Scenario, SceneLayout
from drivesim.scenario.previews.drawing import WHITE, draw_boxes, draw_layout


@dataclass(frozen=True, eq=False)
class FrameBoxes:
    """A frame, uint8 `h w 3` RGB, with its boxes.

    Attributes:
        frame: the pixels.
        requested: the requested vehicles; None if this frame is left to the model.
        detected: the detected vehicles; None without a detector.
    """

    frame: np.ndarray
    requested: SceneLayout | None
    detected: Detections | None

    def drawn(self) -> np.ndarray:
        """Returns the frame with requested boxes in the colours of their categories, and thin white detected ones."""
        picture = self.frame.copy()
        if self.requested is not None:
            draw_layout(picture, self.requested, labelled=True)
        if self.detected is not None:
            draw_boxes(picture, self.detected.xyxy, WHITE)
        return picture


def with_boxes(
    frames: Iterable[np.ndarray], scenario: Scenario, fps: float, detector: VehicleDetector | None
) -> Iterator[FrameBoxes]:
    """Yields the frames of a future, in order from its first one, with their boxes.

    Args:
        frames: uint8 `h w 3` RGB.
        scenario: what the future was made from.
        fps: frames per second.
        detector: finds the vehicles; None leaves them out.
    """
    for number, frame in enumerate(frames):
        detected = None if detector is None else detect_vehicles(detector, frame[None])[0]
        yield FrameBoxes(frame, scenario.layout_at(number / fps), detected)
