"""Light on the corners of quads: sky and sun, head lamps, street lamps, fog.

Colours are float32 display values 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from drivesim.world.quads import FLOAT
from drivesim.world.rendering.atmosphere import Atmosphere

HEAD_LAMP_REACH_M = 95.0
HEAD_LAMP_COLOUR = np.array([0.90, 0.86, 0.76], FLOAT)
STREET_LAMP_STRENGTH = FLOAT(0.55)
BRIGHTEST = FLOAT(253)
"""The brightest byte of a corner; the rasteriser's interpolation overshoots by one, and 256 would wrap around to 0."""
MAX_REFLECTED = 0.80
"""The brightest reflected colour at night, so that only lamps glow."""
_STREET_LAMP_RADIUS_M = 8.0


def sky_and_sun(normals: np.ndarray, atmosphere: Atmosphere) -> np.ndarray:
    """Returns the light `... 3` of sky and sun on surfaces with unit normals `... 3`."""
    towards_sky = 0.82 + 0.18 * normals[..., 2:]
    light = towards_sky * np.array(atmosphere.ambient, FLOAT)
    if any(atmosphere.sun):
        facing = np.clip(normals @ np.array(atmosphere.sun_direction, FLOAT), 0, None)
        light = light + facing[..., None] * np.array(atmosphere.sun, FLOAT)
    return light


@dataclass(frozen=True)
class Beam:
    """The low beams of a vehicle whose front is at `x_m, y_m`."""

    x_m: float
    y_m: float
    heading_rad: float
    strength: float = 1.0


def head_lamp_light(points: np.ndarray, beam: Beam) -> np.ndarray:
    """Returns the intensity `n` of a beam at points `n 3`."""
    offset_x, offset_y = points[:, 0] - FLOAT(beam.x_m), points[:, 1] - FLOAT(beam.y_m)
    cos, sin = FLOAT(np.cos(beam.heading_rad)), FLOAT(np.sin(beam.heading_rad))
    forward = offset_x * cos + offset_y * sin
    sideways = offset_y * cos - offset_x * sin
    ahead = np.maximum(forward, FLOAT(1))
    spread = sideways / (1.5 + 0.34 * ahead)
    near_edge = np.clip((forward - 1.5) / 5, 0, 1)
    cut_off = np.clip(1.2 - points[:, 2] / (1.7 + 0.05 * ahead), 0.06, 1)
    return FLOAT(beam.strength) * np.exp(-spread * spread) / (1 + (ahead / 24) ** 2) * near_edge * cut_off


def street_lamp_light(points: np.ndarray, lamps: np.ndarray) -> np.ndarray:
    """Returns the intensity `n` at points `n 3` of the light of the two nearest of the lamps `k 3`."""
    light = np.zeros(len(points), FLOAT)
    if len(lamps) == 0 or len(points) == 0:
        return light
    count = min(2, len(lamps))
    found, _ = cKDTree(lamps[:, :2]).query(points[:, :2], k=count, distance_upper_bound=3.5 * _STREET_LAMP_RADIUS_M)
    distance = np.asarray(found).reshape(len(points), count)
    light = np.exp(-((distance / _STREET_LAMP_RADIUS_M) ** 2)).sum(1)
    below = np.clip((lamps[:, 2].mean() + 0.3 - points[:, 2]) / 2.0, 0.05, 1)
    return (light * below).astype(FLOAT)


def through_fog(colours: np.ndarray, distance_m: np.ndarray, atmosphere: Atmosphere) -> np.ndarray:
    """Returns colours `n 3` as they look through the fog from distances `n`."""
    clear = np.exp(distance_m * FLOAT(-atmosphere.fog_per_m))[:, None]
    horizon = np.array(atmosphere.sky_horizon, FLOAT)
    return horizon + (colours - horizon) * clear


def soft_shoulder(colours: np.ndarray, ceiling: float = MAX_REFLECTED, knee: float = 0.5) -> np.ndarray:
    """Compresses bright reflected colours below a ceiling, so that white bodies in a beam keep their shading."""
    over = np.maximum(colours - FLOAT(knee), 0)
    room = FLOAT(ceiling - knee)
    return np.minimum(colours, FLOAT(knee)) + room * over / (over + room)


def to_bytes(colours: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """Converts colours `n 3` and opacities `n` in 0..1 into RGBA bytes `n 4`."""
    rgba = np.empty((len(colours), 4), np.uint8)
    rgba[:, :3] = np.minimum(np.clip(colours, 0, 1) * FLOAT(255) + FLOAT(0.5), BRIGHTEST)
    rgba[:, 3] = 255 if alpha is None else np.clip(alpha, 0, 1) * 255
    return rgba
