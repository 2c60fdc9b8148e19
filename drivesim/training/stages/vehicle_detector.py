"""Stage `vehicle_detector`: trained on recorded frames, and never on frames that a model has made.

The vehicle detector measures every adherence figure, so that it has to find vehicles as an independent detector would:
see `vehicle_augmentation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from drivesim.data.clips import ClipPlaces, draw
from drivesim.data.packed import PackedFootage
from drivesim.data.vehicle_labels import vehicle_labels
from drivesim.detection.detections import Detections
from drivesim.detection.scores import Verdicts, judge
from drivesim.geometry.requestable import MIN_BOX_SIDE
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.scenario.previews.drawing import draw_boxes
from drivesim.training.loop.device import mixed_precision
from drivesim.training.loop.randomness import step_generator
from drivesim.training.losses.vehicles import VehicleBoxes, detection_loss, detection_targets
from drivesim.training.stages.stage import SINGLE_FRAMES, FootageStage, LossTerm, TrainingConfig, named_parameters
from drivesim.training.stages.vehicle_augmentation import Augmentation, AugmentationConfig

_LEAST_SCORE = 0.05
_HELD_OUT_FRAMES = 160


@dataclass(frozen=True)
class VehicleDetectorTraining(TrainingConfig):
    """How the vehicle detector is trained.

    Attributes:
        box_weight: Weight of the loss of the boxes; that of the centres is 1.
        augmentation: Random changes of the frames.
    """

    batch_size: int = 8
    learning_rate: float = 2e-3
    muon: bool = True
    warmup_steps: int = 100
    gradient_clip: float = 5.0
    box_weight: float = 4.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


class VehicleDetectorStage(FootageStage):
    """Trains the vehicle detector."""

    role = "vehicle_detector"
    needs_labels = True

    def __init__(
        self,
        network: VehicleDetector,
        footage: PackedFootage,
        config: VehicleDetectorTraining,
        device: str,
    ) -> None:
        super().__init__(footage, "cpu", [SINGLE_FRAMES])
        self.network, self.config, self.device = network.to(device), config, device
        self.labels = vehicle_labels(footage)
        self.augment = Augmentation(config.augmentation)

    def parameters(self) -> dict[str, dict[str, nn.Parameter]]:
        """Returns all parameters of the network."""
        return {"network": named_parameters(self.network)}

    def footage_has_grown(self) -> None:
        """Includes the labels of the new frames."""
        self.labels = vehicle_labels(self.footage.footage)

    def losses(self, step: int, used: float, generator: torch.Generator) -> Iterator[LossTerm]:
        """Yields the loss of centres and boxes on randomly changed frames."""
        index = draw(self.train[0], self.config.batch_size, 1, generator)
        pictures = self.network.fitted(self.footage.frames(index)[:, 0].to(self.device))
        pictures, labels = self.augment(pictures, self._labels(index[:, 0]), generator)
        with mixed_precision(self.device):
            output = self.network(pictures)
        targets = detection_targets(labels, self.network.config.num_categories, *output.centres.shape[-2:])
        loss, figures = detection_loss(output, targets, self.config.box_weight)
        yield LossTerm("network", loss, {"loss": loss, **figures})

    def held_out(self) -> dict[str, float]:
        """Measures precision, recall and average precision on held-out frames, over vehicles that can be requested."""
        index, _ = self._frames(self.test[0], _HELD_OUT_FRAMES)
        verdicts = self._judged(self.test[0], _HELD_OUT_FRAMES)
        threshold = float(self.network.threshold)
        return {
            "held_out_ap50": verdicts.average_precision(),
            "held_out_recall": verdicts.recall(threshold),
            "held_out_precision": verdicts.precision(threshold),
            "held_out_category_accuracy": verdicts.category_accuracy(threshold),
            "threshold": threshold,
            "held_out_samples": len(index),
        }

    def pictures(self) -> dict[str, np.ndarray]:
        """Draws held-out frames with the boxes of labelled vehicles (white) and of detections (green)."""
        index, frames = self._frames(self.test[0], 6)
        found = detect_vehicles(self.network, frames)
        truth = [self.labels.truth(int(i)) for i in index]
        rows = [
            with_vehicles(with_vehicles(f, t.xyxy[t.counts], (255, 255, 255)), d.xyxy, (60, 255, 60))
            for f, t, d in zip(frames, truth, found, strict=True)
        ]
        return {"vehicles": np.concatenate(rows)}

    def finish(self) -> None:
        """Sets the threshold with the best balance of precision and recall on training frames."""
        self.network.threshold.fill_(self._judged(self.train[0], 256).best_threshold())

    def _judged(self, places: ClipPlaces, count: int) -> Verdicts:
        index, frames = self._frames(places, count)
        found: list[Detections] = detect_vehicles(self.network, frames, _LEAST_SCORE)
        return judge([self.labels.truth(int(i)) for i in index], found, sides=(MIN_BOX_SIDE, np.inf))

    def _frames(self, places: ClipPlaces, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of frames and the frames `t h w c`, the same each time."""
        index = torch.unique(draw(places, count, 1, step_generator(7, 0, 0))[:, 0]).numpy()
        return index, self.footage.footage.frames[index]

    def _labels(self, index: Tensor) -> VehicleBoxes:
        columns = (self.labels.xyxy, self.labels.category, self.labels.counts)
        return VehicleBoxes(*(torch.from_numpy(column[index.numpy()]).to(self.device) for column in columns))


def with_vehicles(frame: np.ndarray, xyxy: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """A copy of a frame uint8 `h w 3` with boxes `n 4` in 0..1 drawn on."""
    drawn = np.ascontiguousarray(frame).copy()
    draw_boxes(drawn, xyxy, colour)
    return drawn
