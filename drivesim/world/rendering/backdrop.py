"""The backdrop, which stays around the camera wherever it goes: sky, clouds, hills and the plain below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT, discs, patches
from drivesim.world.rendering.atmosphere import Atmosphere
from drivesim.world.rendering.lighting import (
    HEAD_LAMP_COLOUR,
    Beam,
    head_lamp_light,
    sky_and_sun,
    soft_shoulder,
    through_fog,
)

_SKY_RADIUS_M = 390.0
_HILL_RADIUS_M = 380.0
_ELEVATIONS_DEG = (-6, 0, 1.5, 3.5, 6, 9, 13, 18, 25, 35, 50, 70, 89)
_PLAIN_RADII_M = (0, 3, 6, 9, 12, 16, 21, 27, 34, 43, 55, 75, 110, 160, 230, 320, 410)


@dataclass(frozen=True, eq=False)
class Painted:
    """Quads with final colours: vertices `n 4 3`, colours `n 4 3` and opacities `n 4`."""

    vertices: np.ndarray
    colours: np.ndarray
    alpha: np.ndarray


def sky(atmosphere: Atmosphere) -> Painted:
    """Returns the dome of the sky, with its gradient and the glow around the sun, centred on the camera's foot."""
    azimuth = np.radians(np.arange(0, 361, 10.0))
    elevation = np.radians(np.array(_ELEVATIONS_DEG))[:, None]
    ray = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
        ),
        -1,
    )
    height = np.clip(ray[..., 2:], 0, 1) ** 0.6
    colours = np.array(atmosphere.sky_horizon) * (1 - height) + np.array(atmosphere.sky_top) * height
    towards_sun = np.clip(ray @ np.array(atmosphere.sun_direction), 0, 1)[..., None]
    colours = colours + np.array(atmosphere.sun_glow) * (towards_sun**6 + 0.8 * towards_sun**40)
    return _painted(patches(ray * _SKY_RADIUS_M), patches(colours))


def clouds(atmosphere: Atmosphere) -> Painted:
    """Returns soft banks of cloud, more of them for more cloud cover, and none at night."""
    rng = np.random.default_rng(atmosphere.backdrop_seed)
    banks = round(22 * atmosphere.cloud_cover) if not atmosphere.is_night else 0
    puffs = 4
    azimuth = np.repeat(rng.uniform(0, 2 * np.pi, banks), puffs) + rng.normal(0, 0.10, banks * puffs)
    elevation = np.repeat(np.radians(rng.uniform(6, 38, banks)), puffs) + rng.normal(0, 0.018, banks * puffs)
    ray = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    sideways = np.stack([-np.sin(azimuth), np.cos(azimuth), np.zeros_like(azimuth)], -1)
    upward = np.cross(ray, sideways) * np.repeat(rng.uniform(0.16, 0.3, banks), puffs)[:, None]
    radius = np.repeat(rng.uniform(25, 70, banks), puffs) * rng.uniform(0.5, 1.1, banks * puffs)
    fans = discs(ray * (_SKY_RADIUS_M - 5), radius, sideways, upward, 12)
    white = np.minimum(np.array(atmosphere.sky_horizon) * 0.75 + np.array(atmosphere.ambient) * 0.5, 1.0)
    alpha = np.zeros((*fans.shape[:2], 4))
    alpha[..., 0] = np.repeat(rng.uniform(0.3, 0.75, banks), puffs)[:, None]
    return Painted(
        fans.reshape(-1, 4, 3), np.broadcast_to(white.astype(FLOAT), (alpha.size // 4, 4, 3)), alpha.reshape(-1, 4)
    )


def hills(atmosphere: Atmosphere, land: np.ndarray, urban: bool) -> Painted:
    """Returns a distant silhouette all around: rolling hills, or the roofs of a town."""
    rng = np.random.default_rng(atmosphere.backdrop_seed + 1)
    corners = 144
    azimuth = np.arange(corners + 1) * (2 * np.pi / corners)
    waves = sum(
        rng.uniform(0.3, 1) / k * np.sin(k * azimuth + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5, 8, 13)
    )  # fmt: skip
    height = np.clip(rng.uniform(1.5, 12) + rng.uniform(1, 8) * waves, 1.0, 30.0)
    if urban:
        roofs = np.repeat(rng.uniform(3, 22, corners // 2 + 1), 2)[: corners + 1]
        height, azimuth = np.maximum(height * 0.5, roofs), np.repeat(azimuth[::2], 2)[: corners + 1]
    foot = np.stack([np.cos(azimuth), np.sin(azimuth)], -1) * _HILL_RADIUS_M
    ring = np.stack([np.column_stack([foot, level]) for level in (np.full(len(azimuth), -3.0), height)])
    distance = np.full((2, len(azimuth)), 380.0 if urban else 520.0)
    albedo = np.array([0.36, 0.37, 0.40]) if urban else land * np.array([0.62, 0.72, 0.70])
    shade = albedo * rng.uniform(0.85, 1.15, (1, len(azimuth), 1)) * np.array(atmosphere.ambient) * 1.1
    shade = np.broadcast_to(shade, ring.shape).reshape(-1, 3)
    colours = through_fog(shade.astype(FLOAT), distance.ravel(), atmosphere).reshape(ring.shape)
    return _painted(patches(ring), patches(colours))


def plain(atmosphere: Atmosphere, land: np.ndarray) -> Painted:
    """Returns the land under everything; it turns with the camera, its x pointing forward and its y left."""
    azimuth = np.radians(np.linspace(-80, 80, 33))
    radii = np.array(_PLAIN_RADII_M)[:, None]
    grid = np.stack(np.broadcast_arrays(radii * np.cos(azimuth), radii * np.sin(azimuth), 0.0), -1).astype(FLOAT)
    points = grid.reshape(-1, 3)
    light = sky_and_sun(np.array([[0, 0, 1]], FLOAT), atmosphere)
    if atmosphere.is_night:
        light = light + head_lamp_light(points, Beam(0.0, 0.0, 0.0))[:, None] * HEAD_LAMP_COLOUR
    colours = soft_shoulder(land.astype(FLOAT) * light)
    colours = through_fog(colours, np.linalg.norm(points, axis=1), atmosphere)
    return _painted(patches(grid), patches(colours.reshape(grid.shape)))


def _painted(vertices: np.ndarray, colours: np.ndarray) -> Painted:
    vertices, colours = vertices.reshape(-1, 4, 3), colours.reshape(-1, 4, 3)
    return Painted(vertices, colours, np.ones((len(vertices), 4)))
