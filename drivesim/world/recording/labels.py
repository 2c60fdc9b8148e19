"""Exact labels of the vehicles in a picture: boxes, distances, visible fractions, headings and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.data.drive_log_labels import Box, VehicleLabel
from drivesim.geometry.headings import from_line_of_sight
from drivesim.geometry.requestable import MAX_DISTANCE_M
from drivesim.world.pose import CameraPose
from drivesim.world.rendering.projection import NEAR_M, camera_coordinates, clip_quads_near, clip_solid_near, to_pixels
from drivesim.world.scenery.occluders import Occluders
from drivesim.world.vehicles.colours import coarse_colour
from drivesim.world.vehicles.placement import PlacedVehicle, place, turned

MIN_BOX_PX_AT_1024 = 5.0
"""A vehicle gets no label if its visible box is narrower or lower than this, in pixels of a frame 1024 pixels wide."""
_MASK_SCALE = 0.5
"""Size of the masks in which hidden pixels are counted, relative to the picture."""
_SUBPIXEL_BITS = 4
_MAX_PIXELS_IN_WIDTHS = 20
"""Pixels farther outside the picture are moved to this distance, in widths of the picture."""


@dataclass(frozen=True, eq=False)
class _Silhouette:
    """The outline of a vehicle in the picture.

    Attributes:
        vehicle: The vehicle.
        hull: Convex hull in pixels, `k 2`.
        faces: Polygons `k 2` of the single faces; empty unless the border of the picture cuts the vehicle off. The
            visible rest of such a vehicle does not fill the rest of its hull.
        box: Box around the hull.
        distance_m: Distance to the nearest point of the vehicle.
        heading_rad: Heading of the vehicle relative to the line of sight to its middle.
    """

    vehicle: PlacedVehicle
    hull: np.ndarray
    faces: list[np.ndarray]
    box: Box
    distance_m: float
    heading_rad: float


def label_vehicles(
    camera: CameraPose, vehicles: Sequence[PlacedVehicle], occluders: Occluders, width: int, height: int
) -> list[VehicleLabel]:
    """Returns labels of all vehicles that are at least partly visible, nearest first.

    Args:
        camera: The camera.
        vehicles: All vehicles of the moment.
        occluders: What can hide vehicles besides other vehicles.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
    """
    silhouettes = _silhouettes(camera, vehicles, width, height)
    if not silhouettes:
        return []
    hidden_by = _hidden_by(camera, [silhouette.vehicle for silhouette in silhouettes], occluders)
    outlines = _outlines(camera, occluders, np.flatnonzero(hidden_by.any(0)), width, height)
    labels: list[VehicleLabel] = []
    nearer: list[np.ndarray] = []
    for silhouette, hiding in zip(silhouettes, hidden_by, strict=True):
        before = nearer + [outlines[k] for k in map(int, np.flatnonzero(hiding)) if k in outlines]
        nearer.append(silhouette.hull)
        label = _label(silhouette, before, width, height)
        if label is not None:
            labels.append(label)
    return labels


def _silhouettes(camera: CameraPose, vehicles: Sequence[PlacedVehicle], width: int, height: int) -> list[_Silhouette]:
    """Returns the silhouettes of the vehicles that reach into the picture, nearest first."""
    if not vehicles:
        return []
    quads = place(vehicles)
    coordinates = camera_coordinates(quads.vertices, camera)
    starts = np.flatnonzero(np.r_[True, quads.owner[1:] != quads.owner[:-1]])
    found = []
    for vehicle, own in zip(vehicles, np.split(coordinates, starts[1:]), strict=True):
        forward = own[..., 2]
        if forward.max() < NEAR_M or forward.min() > MAX_DISTANCE_M:
            continue
        pixels = _bounded(to_pixels(clip_quads_near(own), camera, width, height), width)
        hull = cv2.convexHull(pixels.astype(np.float32))[:, 0]
        low, high = hull.min(0), hull.max(0)
        if high[0] <= 0 or high[1] <= 0 or low[0] >= width or low[1] >= height:
            continue
        distance = float(np.sqrt(np.einsum("nkd,nkd->nk", own, own).min()))
        cut = low[0] < 0 or low[1] < 0 or high[0] > width or high[1] > height
        faces = _faces(own, camera, width, height) if cut else []
        sight = np.arctan2(vehicle.y_m - camera.y_m, vehicle.x_m - camera.x_m)
        heading = float(from_line_of_sight(vehicle.heading_rad, sight))
        found.append(_Silhouette(vehicle, hull, faces, (*low.tolist(), *high.tolist()), distance, heading))
    return sorted(found, key=lambda silhouette: silhouette.distance_m)


def _faces(quads: np.ndarray, camera: CameraPose, width: int, height: int) -> list[np.ndarray]:
    """Returns polygons `k 2` in pixels of the quads `n 4 3` (camera coordinates) that are in front of the camera."""
    whole = (quads[..., 2] >= NEAR_M).all(1)
    faces = list(_bounded(to_pixels(quads[whole], camera, width, height), width))
    for quad in quads[~whole & (quads[..., 2] >= NEAR_M).any(1)]:
        pixels = _bounded(to_pixels(clip_solid_near(quad), camera, width, height), width)
        faces.append(cv2.convexHull(pixels.astype(np.float32))[:, 0])
    return faces


def _bounded(pixels: np.ndarray, width: int) -> np.ndarray:
    return np.clip(pixels, -_MAX_PIXELS_IN_WIDTHS * width, _MAX_PIXELS_IN_WIDTHS * width)


def _hidden_by(camera: CameraPose, vehicles: Sequence[PlacedVehicle], occluders: Occluders) -> np.ndarray:
    """Returns which occluders stand between the camera and which vehicles, bool `vehicles occluders`.

    An occluder does if, seen from above, a line from the camera to a place on the vehicle crosses its ground.
    """
    places = np.array([(a, b, 0.0) for a in (-1, 0, 1) for b in (-1, -0.5, 0, 0.5, 1)])
    half = np.array([(v.model.half_width_m, v.model.half_length_m, 0.0) for v in vehicles])
    heading = np.array([v.heading_rad for v in vehicles])
    middle = np.array([(v.x_m, v.y_m) for v in vehicles])
    targets = turned(places * half[:, None], heading[:, None])[..., :2] + middle[:, None]
    if len(occluders) == 0:
        return np.zeros((len(vehicles), 0), bool)
    eye = np.array([camera.x_m, camera.y_m])
    plan = occluders.plan.astype(np.float64)
    cos, sin = np.cos(plan[:, 2]), np.sin(plan[:, 2])

    def in_plan(points: np.ndarray) -> np.ndarray:
        """Returns points `... 2` in the axes of the occluders, whose ground is -1..1: `... occluders 2`."""
        x, y = points[..., 0, None] - plan[:, 0], points[..., 1, None] - plan[:, 1]
        return np.stack([(x * cos + y * sin) / plan[:, 3], (y * cos - x * sin) / plan[:, 4]], -1)

    start, stop = in_plan(eye), in_plan(targets)
    along = stop - start
    along = np.where(np.abs(along) < 1e-9, 1e-9, along)
    first, second = (-1 - start) / along, (1 - start) / along
    near, far = np.minimum(first, second), np.maximum(first, second)
    enter, leave = np.maximum(near[..., 0], near[..., 1]), np.minimum(far[..., 0], far[..., 1])
    crosses: np.ndarray = (enter < leave) & (leave > 0) & (enter < 1)
    return np.asarray(crosses.any(1))


def _outlines(
    camera: CameraPose, occluders: Occluders, chosen: np.ndarray, width: int, height: int
) -> dict[int, np.ndarray]:
    """Returns convex hulls `k 2` in pixels of the chosen occluders, by their index."""
    outlines = {}
    for k, own in zip(chosen, camera_coordinates(occluders.points[chosen], camera), strict=True):
        clipped = clip_solid_near(own)
        if len(clipped) >= 3:
            pixels = _bounded(to_pixels(clipped, camera, width, height), width)
            outlines[int(k)] = cv2.convexHull(pixels.astype(np.float32))[:, 0]
    return outlines


def _label(silhouette: _Silhouette, before: list[np.ndarray], width: int, height: int) -> VehicleLabel | None:
    x0, y0, x1, y1 = silhouette.box
    box: Box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    fraction = 1.0
    inside = _area(box) / max(_area(silhouette.box), 1e-9)
    before = [hull for hull in before if _overlaps(hull, box)]
    if before or inside < 1:
        mask, origin = _mask(silhouette.faces or [silhouette.hull], box)
        own = int(np.count_nonzero(mask))
        for hull in before:
            cv2.fillConvexPoly(mask, _fixed_point(hull, origin), 0, shift=_SUBPIXEL_BITS)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows) == 0:
            return None
        left, right = columns[0] / _MASK_SCALE + origin[0], (columns[-1] + 1) / _MASK_SCALE + origin[0]
        upper, lower = rows[0] / _MASK_SCALE + origin[1], (rows[-1] + 1) / _MASK_SCALE + origin[1]
        in_frame = _fraction_in_frame(silhouette.hull, width, height) if inside < 1 else 1.0
        fraction = float(np.count_nonzero(mask)) / own * in_frame
        x0, y0, x1, y1 = box
        box = (float(max(x0, left)), float(max(y0, upper)), float(min(x1, right)), float(min(y1, lower)))
    smallest = MIN_BOX_PX_AT_1024 * width / 1024
    if box[2] - box[0] < smallest or box[3] - box[1] < smallest:
        return None
    return VehicleLabel(
        track_id=silhouette.vehicle.track_id,
        category=silhouette.vehicle.category,
        box=box,
        amodal_box=silhouette.box,
        distance_m=silhouette.distance_m,
        visible_fraction=round(min(fraction, 1.0), 4),
        heading_rad=round(silhouette.heading_rad, 3),
        colour=coarse_colour(silhouette.vehicle),
    )


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlaps(hull: np.ndarray, box: Box) -> bool:
    low, high = hull.min(0), hull.max(0)
    return bool(low[0] < box[2] and high[0] > box[0] and low[1] < box[3] and high[1] > box[1])


def _fraction_in_frame(hull: np.ndarray, width: int, height: int) -> float:
    """Returns the fraction of a hull's area that lies in the picture."""
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    whole = cv2.contourArea(hull)
    return cv2.intersectConvexConvex(hull, frame)[0] / whole if whole > 0 else 0.0


def _mask(polygons: list[np.ndarray], box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Returns a mask of convex polygons within `box` at reduced scale, and the pixel of its upper left corner."""
    origin = np.floor(np.array(box[:2]))
    columns, rows = np.ceil((np.array(box[2:]) - origin) * _MASK_SCALE).astype(int)
    mask = np.zeros((max(rows, 1), max(columns, 1)), np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(mask, _fixed_point(polygon, origin), 1, shift=_SUBPIXEL_BITS)
    return mask, origin


def _fixed_point(hull: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Converts pixels of the picture into OpenCV's fixed-point pixels of the mask, whose centres are whole numbers."""
    scaled = (hull - origin) * _MASK_SCALE - 0.5
    return np.round(scaled * (1 << _SUBPIXEL_BITS)).astype(np.int32)
