"""The road that actors drive on, its lanes by number, and the camera above it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from drivesim.geometry.camera import PinholeCamera
from drivesim.geometry.reference_lines import ReferenceLine
from drivesim.scenario.schema.strict import StrictModel
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX

MIN_RADIUS_M = 20.0
MAX_FRACTION_OF_RADIUS = 0.8
"""Largest lateral offset towards the centre of a curve, as a fraction of its radius."""


class Camera(StrictModel):
    """The camera on the ego; the defaults are the middle of what the default models were trained on."""

    height_m: float = Field(default=1.45, ge=0.5, le=4, description="Height above the road in metres.")
    pitch_deg: float = Field(default=-0.7, ge=-15, le=15, description="Pitch in degrees, positive upwards.")
    horizontal_fov_deg: float = Field(default=58.0, ge=20, le=120, description="Horizontal field of view in degrees.")

    def pinhole(self) -> PinholeCamera:
        """Returns the camera in pixels of the frame."""
        return PinholeCamera(
            FRAME_WIDTH_PX,
            FRAME_HEIGHT_PX,
            float(np.deg2rad(self.horizontal_fov_deg)),
            self.height_m,
            float(np.deg2rad(self.pitch_deg)),
        )


class Curve(StrictModel):
    """A curve of the road, which is straight before and after it."""

    radius_m: float = Field(
        ge=-5000, le=5000, description="Radius of the ego lane's middle in metres, positive to the left."
    )
    starts_m: float = Field(
        default=0.0, ge=-300, le=300, description="Start of the curve, in metres along the road from the camera."
    )
    angle_deg: float = Field(default=90.0, ge=1, le=180, description="Total angle of the curve in degrees.")
    entry_m: float = Field(
        default=20.0, ge=5, le=200, description="Length in metres over which the curvature grows, and later decreases."
    )

    @field_validator("radius_m")
    @classmethod
    def _not_too_tight(cls, radius_m: float) -> float:
        if abs(radius_m) < MIN_RADIUS_M:
            raise ValueError(f"expected at least {MIN_RADIUS_M:g} m to either side, got {radius_m:g}")
        return radius_m


class Road(StrictModel):
    """A road on which traffic keeps right. Lane 0 is the ego's; numbers increase to the left."""

    lanes: int = Field(default=2, ge=1, le=8, description="Lanes in the ego's direction.")
    oncoming_lanes: int = Field(default=2, ge=0, le=8, description="Lanes in the other direction, on the left.")
    ego_lane: int = Field(default=0, ge=0, le=7, description="The ego's lane, counted from the rightmost, which is 0.")
    lane_width_m: float = Field(default=3.5, ge=2, le=6, description="Width of each lane in metres.")

    curve: Curve | None = Field(default=None, description="A curve; null means that the road is straight.")

    @field_validator("ego_lane")
    @classmethod
    def _on_the_road(cls, ego_lane: int, info: ValidationInfo) -> int:
        lanes = info.data.get("lanes")
        if lanes is not None and ego_lane >= lanes:
            raise ValueError(f"expected a lane of 0..{lanes - 1}, because `lanes` is {lanes}, got {ego_lane}")
        return ego_lane

    @cached_property
    def line(self) -> ReferenceLine:
        """The middle of the ego's lane; its origin is under the camera in the first frame."""
        if self.curve is None:
            return ReferenceLine()
        curve = self.curve
        return ReferenceLine.with_curve(
            curve.starts_m, curve.radius_m, float(np.deg2rad(curve.angle_deg)), curve.entry_m
        )

    def beyond_the_curve(self, lateral_m: float) -> bool:
        """Returns whether a place this far to the left of the ego lane's middle is too near the curve's centre."""
        return self.curve is not None and lateral_m / self.curve.radius_m > MAX_FRACTION_OF_RADIUS

    @property
    def rightmost(self) -> int:
        """Number of the lane at the right edge, 0 or less."""
        return -self.ego_lane

    @property
    def first_oncoming(self) -> int:
        """Number of the first lane of the other direction."""
        return self.lanes - self.ego_lane

    @property
    def leftmost(self) -> int:
        """Number of the lane at the left edge."""
        return self.first_oncoming + self.oncoming_lanes - 1

    def lateral_m(self, lane: float) -> float:
        """Returns the middle of a lane, in metres to the left of the ego lane's middle."""
        return lane * self.lane_width_m

    def is_oncoming(self, lateral_m: float) -> bool:
        """Returns whether traffic is oncoming this far to the left of the ego lane's middle."""
        return lateral_m / self.lane_width_m > self.first_oncoming - 0.5

    @property
    def edges_m(self) -> tuple[float, float]:
        """The right and the left edge, in metres to the left of the ego lane's middle."""
        return (self.rightmost - 0.5) * self.lane_width_m, (self.leftmost + 0.5) * self.lane_width_m
