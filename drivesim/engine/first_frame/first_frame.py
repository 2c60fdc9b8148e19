"""The first frame of a scenario for one seed; all futures of the seed begin with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from drivesim.detection.detections import Detections
from drivesim.engine.conditions import conditioned_layouts, first_frame_conditions
from drivesim.engine.decode import decode_frames
from drivesim.engine.first_frame.compose import Composer
from drivesim.engine.first_frame.gate import Gated, gated, layout_to_obey
from drivesim.engine.making import Making
from drivesim.engine.real_frames import read_real_frames
from drivesim.models.pixels import to_bytes
from drivesim.models.vehicle_detector import detect_vehicles
from drivesim.scenario import Scenario
from drivesim.scenario.schema.layout import SceneLayout


@dataclass(frozen=True)
class FirstFrame:
    """The first frame of a scenario: a real frame that the scenario names, or one that is composed from its boxes."""

    composer: Composer
    scenario: Scenario
    seed: int

    def layout(self) -> SceneLayout | None:
        """The scenario's boxes, or those drawn for its crowdedness. None if there are neither, or for a picture."""
        if self.scenario.real_frames:
            return None
        conditions = self.composer.with_layouts(first_frame_conditions(self.scenario), [self.seed])
        return None if conditions.boxes is None else conditioned_layouts(conditions)[0]

    def keyframe(self) -> Making[tuple[Tensor, Gated[Tensor] | None]]:
        """Makes the latents `c h w`, and what the gate chose if the settings ask for a gate.

        Raises:
            InputError: there is a gate but the scenario has no boxes, or its picture cannot be used.
            CheckpointError: there is a gate but the checkpoints hold no vehicle detector.
        """
        max_attempts = self.composer.settings.gate_attempts
        if max_attempts > 1:
            choice = yield from self.gated_keyframe(max_attempts)
            return choice.sample, choice
        if self.scenario.real_frames:
            return self.real_keyframes()[0], None
        return (yield from self._attempt(0)), None

    def real_keyframes(self) -> Tensor:
        """The latents `s c h w` of the real frames that the scenario starts from.

        Raises:
            InputError: a frame cannot be read, or two frames of a drive log are not one keyframe apart.
        """
        return self.composer.encoded(read_real_frames(self.scenario, self.composer.models.video.keyframe_fps))

    def gated_keyframe(self, max_attempts: int) -> Making[Gated[Tensor]]:
        """Finds the attempt, latents `c h w`, whose decoded frame obeys the boxes best; raises as `keyframe`."""
        layout, networks = layout_to_obey(self.scenario), self.composer.models.exact
        detector = networks.vehicle_detector

        def detect(keyframe: Tensor) -> Detections:
            decoded = decode_frames(networks.autoencoder, keyframe[None], range(1), 1)
            return detect_vehicles(detector, to_bytes(decoded))[0]

        return gated(layout, self._attempt, detect, max_attempts)

    def picture(self, keyframe: Tensor) -> np.ndarray:
        """The frame, uint8 `h w c`, of the keyframe's latents `c h w`."""
        picture: np.ndarray = self.composer.pictures(keyframe[None], [self.seed])[0]
        return picture

    def _attempt(self, number: int) -> Making[Tensor]:
        keyframes = yield from self.composer.keyframes(first_frame_conditions(self.scenario), [self.seed], [number])
        return keyframes[0]
