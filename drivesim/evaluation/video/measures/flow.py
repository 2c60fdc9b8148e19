"""Optical flow between two frames (OpenCV's DIS, Kroeger et al., 2016), and frames moved along it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_SLACK_PX, _SLACK_SHARE = 0.5, 0.05
"""How far forward and backward flow may disagree where nothing is hidden: in pixels, and as a share of the motion."""


def optical_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns where the pixels of the first frame go: dx, dy as float32 `h w 2`, for two frames uint8 `h w 3`."""
    greys = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    start = np.zeros((*greys[0].shape, 2), np.float32)
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(method.calc(greys[0], greys[1], start))


def sampled_at(frame: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns what lies in `frame` `h w ...` where the flow `h w 2` leads from each pixel, by linear interpolation."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return cv2.remap(
        frame, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def seen_in_both(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Returns which pixels of a frame the other frame shows as well: bool `h w`.

    A pixel is hidden or outside if the flow back does not return to it.

    Args:
        flow: Flow from the frame to the other one, `h w 2`.
        back: Flow from the other one to the frame, `h w 2`.
    """
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    returned = sampled_at(back, flow)
    gap = np.linalg.norm(flow + returned, axis=-1)
    motion = np.linalg.norm(flow, axis=-1) + np.linalg.norm(returned, axis=-1)
    result: np.ndarray = inside & (gap <= _SLACK_PX + _SLACK_SHARE * motion)
    return result


def in_between(first: np.ndarray, second: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Returns frames in between two frames uint8 `h w 3`, made by moving both along the optical flow.

    Each pixel is taken from both ends, weighted by nearness in time, and from one end where only that one shows it.
    Motion is taken as uniform, and the flow at the frame in between as that of the nearer end at the same pixel.

    Args:
        first: The first frame.
        second: The second frame.
        shares: The moments of the frames, as shares (0 to 1) of the time between the two.
    """
    there, back = optical_flow(first, second), optical_flow(second, first)
    seen_there, seen_back = seen_in_both(there, back), seen_in_both(back, there)
    frames = []
    for share in shares:
        flow = there if share <= 0.5 else -back
        one, weight_of_one = _moved(first, -share * flow, seen_there, 1 - share)
        two, weight_of_two = _moved(second, (1 - share) * flow, seen_back, share)
        mixed = (weight_of_one * one + weight_of_two * two) / (weight_of_one + weight_of_two)
        frames.append(np.clip(np.round(mixed), 0, 255).astype(np.uint8))
    return frames


def _moved(frame: np.ndarray, path: np.ndarray, seen: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A frame sampled along a path `h w 2`, and the weights of its pixels `h w 1`: hidden ones hardly count."""
    weight = share * (sampled_at(seen.astype(np.float32), path) + 1e-3) + 1e-6
    return sampled_at(frame, path).astype(np.float32), weight[..., None]
