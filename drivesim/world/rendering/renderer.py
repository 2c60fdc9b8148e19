"""The renderer of pictures of a world: numpy lights every corner, and panda3d fills the triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivesim.errors import MissingExtraError
from drivesim.world.pose import CameraPose
from drivesim.world.quads import FLOAT
from drivesim.world.rendering.atmosphere import Atmosphere
from drivesim.world.rendering.backdrop import Painted, clouds, hills, plain, sky
from drivesim.world.rendering.glow import add_glow, lamp_flares
from drivesim.world.rendering.lighting import to_bytes
from drivesim.world.rendering.moving import head_lamp_beams, lit_vehicles, vehicle_shadows
from drivesim.world.rendering.projection import NEAR_M
from drivesim.world.rendering.still import StillMesh, StillShadows
from drivesim.world.scenery.scenery import Scenery
from drivesim.world.vehicles.placement import PlacedVehicle

if TYPE_CHECKING:
    from drivesim.world.rendering.layers import Layer

VIEW_DISTANCE_M = 420.0
"""Beyond this distance only sky, hills and the plain are drawn."""
VEHICLE_DISTANCE_M, _BEHIND_M = 260.0, 12.0
"""Vehicles farther ahead than the first are too small to be drawn; those farther behind are outside the picture."""
_FAR_M = 460.0
_PIPES = ("p3tinydisplay", "p3headlessgl")


class Renderer:
    """Draws one world after another. A process should make one renderer and keep it.

    Args:
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
        supersample: Factor of the size at which a picture is drawn before it is shrunk by area.
        pipe: `p3tinydisplay`, which runs on the CPU and needs no system packages, or `p3headlessgl`, which uses EGL.

    Raises:
        MissingExtraError: panda3d is not installed.
        ValueError: A size or the pipe is not possible.
    """

    def __init__(self, width: int, height: int, supersample: int = 1, pipe: str = "p3tinydisplay") -> None:
        if pipe not in _PIPES:
            raise ValueError(f"pipe must be one of {', '.join(_PIPES)}, not {pipe!r}")
        if min(width, height, supersample) < 1:
            raise ValueError(f"width, height and supersample must be positive, not {width}, {height}, {supersample}")
        self.width, self.height = width, height
        self._drawn_size = (width * supersample, height * supersample)
        try:
            from drivesim.world.rendering.canvas import Canvas
        except ImportError as error:
            raise MissingExtraError(
                "the procedural world needs panda3d; install it with: pip install 'drivesim[world]'"
            ) from error
        self._canvas = Canvas(*self._drawn_size, near_m=NEAR_M, far_m=_FAR_M, pipe=pipe)
        layer = self._canvas.layer
        self._sky = layer("sky", 0, depth=False)
        self._clouds = layer("clouds", 1, depth=False, transparent=True)
        self._hills = layer("hills", 2, depth=False)
        self._plain = layer("plain", 3, depth=False)
        self._ground = layer("ground", 4, depth=False)
        self._shadows = layer("shadows", 5, depth=False, transparent=True)
        self._objects = layer("objects", 6, depth=True)
        self._vehicles = layer("vehicles", 7, depth=True)
        self._scenery: Scenery | None = None

    def load(self, scenery: Scenery, atmosphere: Atmosphere) -> None:
        """Prepares a world: all light that does not depend on the camera is computed here."""
        self._scenery, self._atmosphere = scenery, atmosphere
        self._canvas.clear_colour(atmosphere.sky_horizon)
        for layer, painted in (
            (self._sky, sky(atmosphere)),
            (self._clouds, clouds(atmosphere)),
            (self._hills, hills(atmosphere, scenery.land, scenery.urban)),
            (self._plain, plain(atmosphere, scenery.land)),
        ):
            _show(layer, painted)
        lamps = (scenery.lamps, scenery.lamp_colour)
        self._still_ground = StillMesh(scenery.ground, *lamps, atmosphere, solid=False)
        self._still_objects = StillMesh(scenery.objects, *lamps, atmosphere, solid=True)
        self._still_shadows = StillShadows(scenery.shadows, atmosphere)

    def render(self, camera: CameraPose, vehicles: Sequence[PlacedVehicle]) -> np.ndarray:
        """Returns a picture of the loaded world with vehicles in it, uint8 RGB `height width 3`."""
        if self._scenery is None:
            raise RuntimeError("Renderer.render needs a world: call load(scenery, atmosphere) first")
        atmosphere = self._atmosphere
        for layer in (self._sky, self._clouds, self._hills, self._plain):
            layer.node.setPos(camera.x_m, camera.y_m, 0)
        self._plain.node.setH(float(np.degrees(camera.heading_rad)))

        vehicles = [vehicle for vehicle in vehicles if _may_be_seen(vehicle, camera)]
        beams = head_lamp_beams(vehicles, camera) if atmosphere.is_night else []
        self._ground.show(*self._still_ground.seen_from(camera, VIEW_DISTANCE_M, beams))
        self._objects.show(*self._still_objects.seen_from(camera, VIEW_DISTANCE_M, beams[:1]))
        bodies, flares = lit_vehicles(vehicles, camera, atmosphere, self._scenery), _NOTHING
        if atmosphere.is_night:
            flares = lamp_flares(vehicles, self._scenery, camera)
        self._vehicles.show(*_joined(bodies, flares))
        still, moving = self._still_shadows.seen_from(camera, VIEW_DISTANCE_M), vehicle_shadows(vehicles, atmosphere)
        self._shadows.show(*_joined(still, moving))
        picture = self._canvas.draw(camera)
        if self._drawn_size != (self.width, self.height):
            picture = cv2.resize(picture, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return add_glow(picture) if atmosphere.is_night else picture


_Corners = tuple[np.ndarray, np.ndarray]
"""Corners `n 3` and their RGBA bytes `n 4`."""
_NOTHING: _Corners = (np.zeros((0, 3), FLOAT), np.zeros((0, 4), np.uint8))


def _joined(first: _Corners, second: _Corners) -> _Corners:
    return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])


def _may_be_seen(vehicle: PlacedVehicle, camera: CameraPose) -> bool:
    x, y = vehicle.x_m - camera.x_m, vehicle.y_m - camera.y_m
    ahead = x * np.cos(camera.heading_rad) + y * np.sin(camera.heading_rad)
    return bool(-_BEHIND_M < ahead < VEHICLE_DISTANCE_M)


def _show(layer: Layer, painted: Painted) -> None:
    colours = painted.colours.reshape(-1, 3).astype(FLOAT)
    layer.show(painted.vertices.reshape(-1, 3).astype(FLOAT), to_bytes(colours, painted.alpha.reshape(-1)))
