"""The straight road that actors drive on, the camera above it, and lanes by number."""

from __future__ import annotations

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from drivesim.geometry.camera import PinholeCamera
from drivesim.scenario.strict import StrictModel
from drivesim.scenario.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX


class Camera(StrictModel):
    """The camera on the ego; what is left out is the middle of what the default models were trained on."""

    height_m: float = Field(default=1.45, ge=0.5, le=4, description="Height above the road in metres.")
    pitch_deg: float = Field(default=-0.7, ge=-15, le=15, description="Degrees, positive when it looks up.")
    horizontal_fov_deg: float = Field(default=58.0, ge=20, le=120, description="Horizontal field of view in degrees.")

    def pinhole(self) -> PinholeCamera:
        """The camera in pixels of the frame."""
        return PinholeCamera(
            FRAME_WIDTH_PX,
            FRAME_HEIGHT_PX,
            float(np.deg2rad(self.horizontal_fov_deg)),
            self.height_m,
            float(np.deg2rad(self.pitch_deg)),
        )


class Road(StrictModel):
    """A straight road; traffic keeps right. Lane 0 is the ego's; to the left of it numbers go up, to the right down."""

    lanes: int = Field(default=2, ge=1, le=8, description="Lanes in the ego's direction.")
    oncoming_lanes: int = Field(default=2, ge=0, le=8, description="Lanes in the other direction, on the left.")
    ego_lane: int = Field(default=0, ge=0, le=7, description="The ego's lane, counted from the right, which is 0.")
    lane_width_m: float = Field(default=3.5, ge=2, le=6, description="Width of each lane in metres.")

    @field_validator("ego_lane")
    @classmethod
    def _on_the_road(cls, ego_lane: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes")
        if lanes is not None and ego_lane >= lanes:
            raise ValueError(f"expected a lane of 0..{lanes - 1}, because `lanes` is {lanes}, got {ego_lane}")
        return ego_lane

    @property
    def rightmost(self) -> int:
        """Number of the lane at the right edge: 0 or less."""
        return -self.ego_lane

    @property
    def first_oncoming(self) -> int:
        """Number of the first lane of the other direction."""
        return self.lanes - self.ego_lane

    @property
    def leftmost(self) -> int:
        """Number of the lane at the left edge."""
        return self.first_oncoming + self.oncoming_lanes - 1

    def lateral_m(self, lane: int) -> float:
        """The middle of a lane, in metres to the left of the ego lane's middle."""
        return lane * self.lane_width_m

    def is_oncoming(self, lateral_m: float) -> bool:
        """Whether traffic of the other direction drives so far to the left of the ego lane's middle."""
        return lateral_m / self.lane_width_m > self.first_oncoming - 0.5

    @property
    def edges_m(self) -> tuple[float, float]:
        """Right and left edge, in metres to the left of the ego lane's middle."""
        return (self.rightmost - 0.5) * self.lane_width_m, (self.leftmost + 0.5) * self.lane_width_m
