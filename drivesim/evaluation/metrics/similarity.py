"""How alike two pictures are, pixel by pixel and patch by patch."""

from __future__ import annotations

import cv2
import numpy as np

_SIGMA, _WINDOW = 1.5, 11
_FLOORS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)


def psnr_db(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio `n` of uint8 frames `n h w 3`; 100 where they are equal."""
    error = np.square(first.astype(np.float64) - second).mean((1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(error, 255**2 * 1e-10))


def ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Structural similarity `n` (Wang et al., 2004: Gaussian window of 11 pixels) of uint8 frames `n h w 3`."""
    return np.array([_ssim(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(first, second, strict=True)])


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    mean_a, mean_b = _window(a), _window(b)
    variance_a, variance_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + _FLOORS[0]) / (mean_a**2 + mean_b**2 + _FLOORS[0])
    structure = (2 * covariance + _FLOORS[1]) / (variance_a + variance_b + _FLOORS[1])
    return float((light * structure).mean())


def _window(pixels: np.ndarray) -> np.ndarray:
    """Gaussian means, only where the window lies inside the picture."""
    reach = _WINDOW // 2
    return cv2.GaussianBlur(pixels, (_WINDOW, _WINDOW), _SIGMA)[reach:-reach, reach:-reach]
