"""Distances between two sets of features: Fréchet (Heusel et al., 2017) and kernel (Bińkowski et al., 2018)."""

from __future__ import annotations

import numpy as np


def frechet_distance(
    first: np.ndarray,
    second: np.ndarray,
    first_weight: np.ndarray | None = None,
    second_weight: np.ndarray | None = None,
) -> float:
    """Returns the squared Fréchet distance of the Gaussians that fit two sets of features, with unbiased covariances.

    The trace of the root of the product of the covariances is the nuclear norm of the product of their factors, which
    is exact and needs no root of a matrix.

    Args:
        first: Features `n d`.
        second: Features `m d`.
        first_weight: How often each sample counts, `n`; None for once.
        second_weight: How often each sample counts, `m`; None for once.
    """
    mean_one, factor_one = _gaussian(first, first_weight)
    mean_two, factor_two = _gaussian(second, second_weight)
    shared = np.linalg.svd(factor_one @ factor_two.T, compute_uv=False).sum()
    spread = np.square(factor_one).sum() + np.square(factor_two).sum() - 2 * shared
    return float(np.square(mean_one - mean_two).sum() + spread)


class KernelDistance:
    """The unbiased squared maximum mean discrepancy of features `n d` and `m d`, with the kernel (x·y/d + 1)³.

    A call may weight the samples; no sample is ever paired with a repetition of itself.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        first, second = first.astype(np.float64), second.astype(np.float64)
        self.within_first, self.within_second = _polynomial(first, first), _polynomial(second, second)
        self.between = _polynomial(first, second)
        np.fill_diagonal(self.within_first, 0)
        np.fill_diagonal(self.within_second, 0)

    def __call__(self, first_weight: np.ndarray | None = None, second_weight: np.ndarray | None = None) -> float:
        """Returns the distance, which can be slightly negative for similar sets."""
        v = np.ones(len(self.within_first)) if first_weight is None else first_weight
        w = np.ones(len(self.within_second)) if second_weight is None else second_weight
        between = v @ self.between @ w / (v.sum() * w.sum())
        return float(_pairs(self.within_first, v) + _pairs(self.within_second, w) - 2 * between)


def _gaussian(features: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean `d`, and a factor `k d` whose product with itself is the covariance, with k at most d."""
    x = features.astype(np.float64)
    w = np.ones(len(x)) if weight is None else weight
    x, w = x[w > 0], w[w > 0]
    mean = w @ x / w.sum()
    factor = (x - mean) * np.sqrt(w / (w.sum() - 1))[:, None]
    if len(factor) > factor.shape[1]:
        factor = np.linalg.qr(factor, mode="r")
    return mean, factor


def _polynomial(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    kernel: np.ndarray = (first @ second.T / first.shape[1] + 1) ** 3
    return kernel


def _pairs(kernel: np.ndarray, weight: np.ndarray) -> float:
    """The mean over pairs of different samples, or NaN if there are none; the diagonal of `kernel` is zero."""
    pairs = weight.sum() ** 2 - np.square(weight).sum()
    return float(weight @ kernel @ weight / pairs) if pairs else float("nan")
