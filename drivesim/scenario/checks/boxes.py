"""Checks of boxes in the first frame: whether vehicles of their sizes could stand on the road there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivesim.scenario.schema.actors import DEFAULT_SIZE_M
from drivesim.scenario.schema.road import Camera
from drivesim.scenario.schema.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from drivesim.scenario.text.problems import FieldPath

if TYPE_CHECKING:
    from drivesim.scenario.schema.scenario import Scenario

_SMALLEST, _LARGEST = 0.45, 1.6
"""Plausible sizes relative to the usual one: a box may show a part of a vehicle, or one larger than usual."""
_EDGE_PX = 2
"""A box this close to the border of the frame is cut off by it."""


def box_findings(scenario: Scenario) -> Iterator[tuple[str, FieldPath, str]]:
    """Yields code, path and message of boxes that stand on no road, and of crowdedness below the number of boxes."""
    camera = (scenario.camera or Camera()).pinhole()
    for index, box in enumerate(scenario.boxes or ()):
        path: FieldPath = ("boxes", index, "xyxy")
        name = f"box {index + 1}"
        width, height = box.extent(scenario.coords)
        scale_x, scale_y = FRAME_WIDTH_PX / width, FRAME_HEIGHT_PX / height
        x0, y0, x1, y1 = (edge * scale for edge, scale in zip(box.xyxy, (scale_x, scale_y) * 2, strict=True))
        if y1 >= FRAME_HEIGHT_PX - _EDGE_PX:
            continue
        if y1 <= camera.horizon_px:
            yield (
                "W201",
                path,
                f"{name} floats: its lower edge, {y1:.0f} px, is above the horizon, {camera.horizon_px:.0f} px",
            )
            continue
        distance_m = float(camera.ground_distance(y1))
        metres = distance_m / camera.focal_length_px
        wide_m, high_m = (x1 - x0) * metres, (y1 - y0) * metres
        length_m, width_m, height_m = DEFAULT_SIZE_M[box.category]
        cut = x0 <= _EDGE_PX or x1 >= FRAME_WIDTH_PX - _EDGE_PX
        what = f"at {distance_m:.0f} m this {box.category} would be {wide_m:.1f} m wide and {high_m:.1f} m high"
        if wide_m > _LARGEST * length_m or high_m > _LARGEST * height_m:
            yield "W203", path, f"the size of {name} does not fit its distance: {what}"
        elif not cut and wide_m < _SMALLEST * width_m and high_m < _SMALLEST * height_m:
            yield "W202", path, f"{name} is under the road: its lower edge, {y1:.0f} px, is too low; {what}"
    given, crowdedness = len(scenario.boxes or ()), scenario.crowdedness
    if scenario.boxes is not None and crowdedness is not None and given > crowdedness:
        yield "W207", ("crowdedness",), f"`crowdedness` is {crowdedness}, but {given} boxes are given"
