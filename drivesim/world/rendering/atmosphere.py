"""The atmosphere of a world: sky, sun and fog, and their colours, by day and by night."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.scenario.schema.vocabulary import TimeOfDay
from drivesim.world.quads import Colour


@dataclass(frozen=True)
class Atmosphere:
    """Sky, sun and fog of a world; colours are display values 0..1."""

    time_of_day: TimeOfDay
    sky_top: Colour
    sky_horizon: Colour
    """Colour of the sky at the horizon, and of the fog."""
    ambient: Colour
    sun: Colour
    sun_direction: tuple[float, float, float]
    """Unit vector towards the sun."""
    sun_glow: Colour
    """Colour that is added to the sky around the sun."""
    fog_per_m: float
    shadow_strength: float
    """Opacity of the shadows under vehicles and trees, 0 to 1."""
    cloud_cover: float
    """Amount of clouds, 0 to 1."""
    backdrop_seed: int
    """Seed of hills and clouds."""

    @property
    def is_night(self) -> bool:
        return self.time_of_day == "night"


@dataclass(frozen=True)
class _DayLook:
    sky_top: Colour
    sky_horizon: Colour
    ambient: Colour
    sun: Colour
    glow: Colour
    elevation_deg: tuple[float, float]
    fog_per_m: tuple[float, float]
    shadow_strength: float
    cloud_cover: tuple[float, float]


_DAY_LOOKS = (
    _DayLook(  # clear
        (0.22, 0.43, 0.78), (0.76, 0.85, 0.93), (0.47, 0.50, 0.56), (0.62, 0.58, 0.50), (0.10, 0.09, 0.06),
        (35, 65), (0.0010, 0.0020), 0.62, (0.0, 0.5),
    ),
    _DayLook(  # bright, milky
        (0.36, 0.56, 0.84), (0.84, 0.89, 0.93), (0.50, 0.52, 0.56), (0.56, 0.53, 0.48), (0.14, 0.13, 0.10),
        (30, 60), (0.0016, 0.0028), 0.56, (0.2, 0.8),
    ),
    _DayLook(  # hazy
        (0.52, 0.64, 0.78), (0.82, 0.84, 0.85), (0.54, 0.55, 0.57), (0.40, 0.38, 0.35), (0.16, 0.15, 0.11),
        (25, 50), (0.0035, 0.0060), 0.50, (0.0, 0.3),
    ),
    _DayLook(  # overcast
        (0.60, 0.64, 0.69), (0.80, 0.82, 0.84), (0.64, 0.66, 0.70), (0.20, 0.20, 0.20), (0.02, 0.02, 0.02),
        (40, 70), (0.0025, 0.0050), 0.46, (0.5, 1.0),
    ),
    _DayLook(  # low sun
        (0.30, 0.42, 0.68), (0.95, 0.86, 0.72), (0.42, 0.42, 0.47), (0.66, 0.52, 0.36), (0.30, 0.20, 0.04),
        (10, 22), (0.0016, 0.0032), 0.52, (0.1, 0.6),
    ),
)  # fmt: skip


def draw_atmosphere(time_of_day: str, rng: np.random.Generator) -> Atmosphere:
    """Draws one of the looks of a `day` (clear, milky, hazy, overcast, low sun), or a `night`."""
    seed = int(rng.integers(2**31))
    azimuth = rng.uniform(0, 2 * np.pi)
    if time_of_day == "night":
        haze = rng.uniform(0.7, 1.5)
        ambient = np.array([0.120, 0.127, 0.156]) * rng.uniform(0.8, 1.25)
        return Atmosphere(
            time_of_day="night",
            sky_top=(0.020, 0.026, 0.052),
            sky_horizon=(0.082 * haze, 0.080 * haze, 0.104 * haze),
            ambient=tuple(ambient.tolist()),
            sun=(0.0, 0.0, 0.0),
            sun_direction=(0.0, 0.0, 1.0),
            sun_glow=(0.0, 0.0, 0.0),
            fog_per_m=float(rng.uniform(0.003, 0.006)),
            shadow_strength=0.35,
            cloud_cover=0.0,
            backdrop_seed=seed,
        )
    if time_of_day != "day":
        raise ValueError(f"time_of_day must be 'day' or 'night', not {time_of_day!r}")
    look = _DAY_LOOKS[rng.choice(len(_DAY_LOOKS), p=[0.26, 0.22, 0.14, 0.24, 0.14])]
    elevation = np.radians(rng.uniform(*look.elevation_deg))
    level = np.cos(elevation)
    return Atmosphere(
        time_of_day="day",
        sky_top=look.sky_top,
        sky_horizon=look.sky_horizon,
        ambient=look.ambient,
        sun=look.sun,
        sun_direction=(float(np.cos(azimuth) * level), float(np.sin(azimuth) * level), float(np.sin(elevation))),
        sun_glow=look.glow,
        fog_per_m=float(rng.uniform(*look.fog_per_m)),
        shadow_strength=look.shadow_strength,
        cloud_cover=float(rng.uniform(*look.cloud_cover)),
        backdrop_seed=seed,
    )
