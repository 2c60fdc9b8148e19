"""Lamps at night: flares of lamps that face the camera, and the glow that a lens adds around bright light."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from drivesim.world.pose import CameraPose
from drivesim.world.quads import FLOAT, discs
from drivesim.world.rendering.lighting import MAX_REFLECTED, to_bytes
from drivesim.world.scenery.scenery import Scenery
from drivesim.world.vehicles.placement import PlacedVehicle, turned

_REACH_M, _NEAREST_M = 190.0, 3
"""Lamps of vehicles within these distances have flares."""
_MIN_FACING = 0.3
"""Smallest cosine of the angle between a lamp's direction and the line of sight for which it has a flare."""
_HEAD, _TAIL, _BRAKE = (1.0, 0.97, 0.88), (0.92, 0.07, 0.05), (1.0, 0.14, 0.10)


def lamp_flares(
    vehicles: Sequence[PlacedVehicle], scenery: Scenery, camera: CameraPose
) -> tuple[np.ndarray, np.ndarray]:
    """Returns small bright discs in front of lamps: corners `n 3` and RGBA bytes `n 4`.

    The discs grow with distance, as those that a lens draws.
    """
    lamps, radii, colours = [], [], []
    eye = np.array([camera.x_m, camera.y_m])
    for vehicle in vehicles:
        sight = eye - np.array([vehicle.x_m, vehicle.y_m])
        distance = float(np.hypot(*sight))
        sight = sight / max(distance, 1e-6)
        facing = float(sight @ (np.cos(vehicle.heading_rad), np.sin(vehicle.heading_rad)))
        if abs(facing) < _MIN_FACING or not _NEAREST_M < distance < _REACH_M:
            continue
        front = facing > 0
        places = turned(vehicle.model.head_lamps if front else vehicle.model.tail_lamps, np.array(vehicle.heading_rad))
        lamps.append(places + np.array([vehicle.x_m, vehicle.y_m, 0.0]) + np.array([*sight * 0.12, 0.0]))
        radius = (0.13 + distance * 0.0034) if front else (0.05 + distance * 0.0018)
        radii.append(np.full(len(places), radius * abs(facing)))
        colour = _HEAD if front else _BRAKE if vehicle.braking else _TAIL
        colours.append(np.tile(colour, (len(places), 1)))
    away = np.hypot(*(scenery.lamps[:, :2] - eye).T)
    near = away < _REACH_M
    lamps.append(scenery.lamps[near] - np.array([0, 0, 0.06]))
    radii.append(0.16 + away[near] * 0.0028)
    colours.append(np.tile(np.minimum(scenery.lamp_colour * 0.6 + 0.4, 1.0), (int(near.sum()), 1)))
    right = (np.sin(camera.heading_rad), -np.cos(camera.heading_rad), 0)
    fans = discs(np.concatenate(lamps), np.concatenate(radii), right, (0, 0, 1), 12)
    shades = np.repeat(np.concatenate(colours), fans.shape[1] * 4, 0)
    return fans.reshape(-1, 3), to_bytes(shades.astype(FLOAT))


def add_glow(picture: np.ndarray) -> np.ndarray:
    """Spreads the light of everything that is brighter than reflected light can be; uint8 `h w 3` in and out."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    brightest = small.max(2, keepdims=True).astype(FLOAT)
    floor = FLOAT(MAX_REFLECTED * 255 * 0.92)
    light = small * (np.clip(brightest - floor, 0, None) / (255 - floor))
    spread = width / 1024
    halo = cv2.GaussianBlur(light, (0, 0), 2.2 * spread) * 1.1 + cv2.GaussianBlur(light, (0, 0), 8.0 * spread) * 1.6
    halo = cv2.resize(np.minimum(halo, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(picture, halo)
