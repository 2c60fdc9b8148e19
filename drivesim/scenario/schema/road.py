"""The road that actors drive on, straight or with a curve, the camera above it, and lanes by number."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.scenario.schema.strict import StrictModel
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX

MIN_RADIUS_M = 20.0
MAX_SHARE_OF_RADIUS = 0.8
"""So much of the way to the middle of a curve a vehicle may be off the ego's lane."""


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


class Curve(StrictModel):
    """A curve of the road; before it and after it the road is straight."""

    radius_m: float = Field(
        ge=-5000, le=5000, description="Radius in metres of the ego lane's middle; positive to the left."
    )
    starts_m: float = Field(
        default=0.0, ge=-300, le=300, description="Metres along the road from the camera to where it begins to curve."
    )
    angle_deg: float = Field(default=90.0, ge=1, le=180, description="Degrees by which the road turns in all.")
    entry_m: float = Field(
        default=20.0, ge=5, le=200, description="Metres over which the curvature grows, and at the end decreases."
    )

    @field_validator("radius_m")
    @classmethod
    def _not_too_tight(cls, radius_m: float) -> float:
        if abs(radius_m) < MIN_RADIUS_M:
            raise ValueError(f"expected at least {MIN_RADIUS_M:g} m to either side, got {radius_m:g}")
        return radius_m


class Road(StrictModel):
    """A road; traffic keeps right. Lane 0 is the ego's; to the left of it numbers go up, to the right down."""

    lanes: int = Field(default=2, ge=1, le=8, description="Lanes in the ego's direction.")
    oncoming_lanes: int = Field(default=2, ge=0, le=8, description="Lanes in the other direction, on the left.")
    ego_lane: int = Field(default=0, ge=0, le=7, description="The ego's lane, counted from the right, which is 0.")
    lane_width_m: float = Field(default=3.5, ge=2, le=6, description="Width of each lane in metres.")

    curve: Curve | None = Field(default=None, description="A curve; null: the road is straight.")

    @field_validator("ego_lane")
    @classmethod
    def _on_the_road(cls, ego_lane: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes")
        if lanes is not None and ego_lane >= lanes:
            raise ValueError(f"expected a lane of 0..{lanes - 1}, because `lanes` is {lanes}, got {ego_lane}")
        return ego_lane

    @cached_property
    def line(self) -> ReferenceLine:
        """The middle of the ego's lane, from under the camera in the first frame on."""
        if self.curve is None:
            return ReferenceLine()
        curve = self.curve
        return ReferenceLine.with_curve(
            curve.starts_m, curve.radius_m, float(np.deg2rad(curve.angle_deg)), curve.entry_m
        )

    def beyond_the_curve(self, lateral_m: float) -> bool:
        """Whether a place so far to the left of the ego lane's middle is too near to the middle of the curve."""
        return self.curve is not None and lateral_m / self.curve.radius_m > MAX_SHARE_OF_RADIUS

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
