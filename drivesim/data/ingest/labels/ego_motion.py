"""Ego motion at the times of frames, from a table of measurements."""

from __future__ import annotations

import numpy as np

from drivesim.data.ingest.recording import EgoMotionTable

MAX_GAP_S = 0.5
"""Ego motion is unknown between measurements that are farther apart than this."""


def motion_at(table: EgoMotionTable, time_s: float) -> tuple[float | None, float | None]:
    """Returns speed in m/s and yaw rate in rad/s at a time by linear interpolation; None stands for unknown."""
    times = np.asarray(table.time_s)
    if not len(times):
        return None, None
    after = int(np.searchsorted(times, time_s))
    before = max(0, after - 1)
    after = min(after, len(times) - 1)
    gap = times[after] - times[before]
    if gap > MAX_GAP_S or time_s < times[0] - MAX_GAP_S / 2 or time_s > times[-1] + MAX_GAP_S / 2:
        return None, None
    share = 0.0 if gap <= 0 else float(np.clip((time_s - times[before]) / gap, 0, 1))
    speed, yaw_rate = (
        _between(column[before], column[after], share) for column in (table.speed_mps, table.yaw_rate_radps)
    )
    return speed, yaw_rate


def _between(first: float, second: float, share: float) -> float | None:
    value = first + share * (second - first) if share else first
    return float(value) if np.isfinite(value) else None


def rates_of_angles(times_s: np.ndarray, angles_rad: np.ndarray) -> np.ndarray:
    """Returns rates `n` in rad/s of angles `n` by central differences; angles may jump by whole turns.

    The rate of a single angle is NaN.
    """
    if len(times_s) < 2:
        return np.full(len(times_s), np.nan)
    return np.gradient(np.unwrap(angles_rad), times_s)


def speeds_along(times_s: np.ndarray, positions_m: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Returns speeds `n` in m/s along the viewing directions `n d` of positions `n d`, by central differences."""
    if len(times_s) < 2:
        return np.full(len(times_s), np.nan)
    velocity = np.gradient(positions_m, times_s, axis=0)
    return np.einsum("nd,nd->n", velocity, forward)
