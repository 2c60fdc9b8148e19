"""Vehicles that are placed as boxes in the first frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator

from drivesim.scenario.schema.strict import StrictModel
from drivesim.scenario.schema.vocabulary import (
    CATEGORIES,
    FRAME_HEIGHT_PX,
    FRAME_WIDTH_PX,
    VehicleCategory,
    VehicleColour,
)
from drivesim.scenario.text.problems import FieldPath

MAX_BOXES = 512

Coordinates = Literal["pixels", "normalized"]


class Box(StrictModel):
    """One vehicle in the first frame."""

    category: VehicleCategory = Field(description="What the vehicle is.")
    xyxy: Annotated[tuple[float, ...], Field(strict=False)] = Field(
        description="Left, top, right and bottom edge of the visible part; x points right and y down.",
        json_schema_extra={"minItems": 4, "maxItems": 4},
    )
    coords: Coordinates | None = Field(
        default=None, description="Unit of this box's edges; by default `coords` of the file."
    )
    heading_deg: float | None = Field(
        default=None,
        ge=-180,
        le=180,
        description="Degrees to the left of the line of sight: 0 shows the rear, 180 the front, 90 points to the left "
        "in the picture; null leaves it to the model.",
    )
    colour: VehicleColour | None = Field(
        default=None, description="Coarse colour (silver is grey, orange is yellow); null leaves it to the model."
    )

    @field_validator("xyxy", mode="before")
    @classmethod
    def _four_edges(cls, xyxy: Any) -> Any:
        if isinstance(xyxy, list | tuple) and len(xyxy) != 4:
            raise ValueError(f"expected 4 numbers, x0 y0 x1 y1, got {len(xyxy)}")
        return xyxy

    @field_validator("xyxy")
    @classmethod
    def _edges_in_order(cls, xyxy: tuple[float, ...]) -> tuple[float, ...]:
        x0, y0, x1, y1 = xyxy
        for axis, low, high in (("x", x0, x1), ("y", y0, y1)):
            if high <= low:
                raise ValueError(f"expected {axis}0 < {axis}1, got {axis}0 = {low:g} and {axis}1 = {high:g}")
        return xyxy

    def extent(self, coords: Coordinates) -> tuple[int, int]:
        """Returns width and height of the frame in the unit of this box; `coords` is the unit of the file."""
        return (1, 1) if (self.coords or coords) == "normalized" else (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)

    def misfit(self, coords: Coordinates) -> str | None:
        """Returns what is wrong if this box leaves the frame, else None; `coords` is the unit of the file."""
        width, height = self.extent(coords)
        x0, y0, x1, y1 = self.xyxy
        if min(x0, y0) >= 0 and x1 <= width and y1 <= height:
            return None
        edges = ", ".join(f"{edge:g}" for edge in self.xyxy)
        return f"the box leaves the frame: expected x in 0..{width} and y in 0..{height}, got [{edges}]"


def boxes_outside(content: Any) -> Iterator[tuple[FieldPath, str]]:
    """Yields path and message of each box that leaves the frame, in the content of a file that has other mistakes."""
    content = content if isinstance(content, dict) else {}
    boxes, coords = content.get("boxes"), content.get("coords", "pixels")
    for index, entry in enumerate(boxes[:MAX_BOXES] if isinstance(boxes, list | tuple) else ()):
        try:
            box = Box.model_validate({"category": CATEGORIES[0], "xyxy": entry["xyxy"], "coords": entry.get("coords")})
        except (ValidationError, TypeError, KeyError, AttributeError):
            continue  # its edges cannot be compared with the frame
        if coords in get_args(Coordinates) and (message := box.misfit(coords)) is not None:
            yield ("boxes", index, "xyxy"), message
