"""How similar two pictures are, pixel by pixel (PSNR) and patch by patch (SSIM)."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from drivesim.models import pixels

_SIGMA, _WINDOW = 1.5, 11
_FLOORS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


def psnr_db(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the peak signal-to-noise ratio of frames uint8 `n h w 3` in dB, `n`; 100 if they are equal."""
    error = np.square(first.astype(np.float64) - second).mean((1, 2, 3))
    return pixels.psnr_db(torch.from_numpy(error / 127.5**2)).numpy()


def ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the structural similarity of frames uint8 `n h w 3`, `n` (Wang et al., 2004; window of 11 pixels)."""
    return np.array([_ssim(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(first, second, strict=True)])


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    mean_a, mean_b = _window(a), _window(b)
    variance_a, variance_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + _FLOORS[0]) / (mean_a**2 + mean_b**2 + _FLOORS[0])
    structure = (2 * covariance + _FLOORS[1]) / (variance_a + variance_b + _FLOORS[1])
    return float((light * structure).mean())


def _window(values: np.ndarray) -> np.ndarray:
    """Gaussian means, only where the window lies inside the picture."""
    reach = _WINDOW // 2
    return cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)[reach:-reach, reach:-reach]
