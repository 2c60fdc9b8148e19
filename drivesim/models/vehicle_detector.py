"""The vehicle detector: finds vehicles in pictures, whether recorded or made.

It is anchor-free: every cell has a score for the centre of a vehicle, as in CenterNet (Zhou et al., 2019), and the
distances to the four sides of its box, which are learned at every cell near a centre as in TTFNet (Liu et al., 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.detection.detections import Detections
from drivesim.models.layers import Downsample, ResidualBlock, Upsample
from drivesim.models.pixels import to_unit_range

_PRIOR_LOGIT = -4.6  # one cell in a hundred: an untrained detector finds hardly any vehicle
_MAX_LOG_SIDE = 5.0


@dataclass(frozen=True)
class VehicleDetectorConfig:
    """The sizes of the vehicle detector.

    Attributes:
        height: Height that pictures are resized to.
        width: Width that pictures are resized to.
        unshuffle: Width of a cell in pixels.
        widths: Channels of each level, finest first.
        blocks_per_level: Residual blocks per level.
        num_categories: Number of vehicle categories.
        max_iou: Two detections that overlap more than this are one vehicle.
        max_vehicles: Largest number of vehicles found in a picture.
    """

    height: int = 256
    width: int = 512
    unshuffle: int = 4
    widths: tuple[int, ...] = (40, 64, 96, 128)
    blocks_per_level: int = 1
    num_categories: int = 4
    max_iou: float = 0.6
    max_vehicles: int = 100


@dataclass(frozen=True)
class VehicleDetectorOutput:
    """What the network predicts for each cell.

    Attributes:
        centres: Logits of the centre of a vehicle of each category, `b k h w`.
        xyxy: Box of that vehicle in cells, `b h w 4`.
    """

    centres: Tensor
    xyxy: Tensor


class VehicleDetector(nn.Module):
    """Finds the boxes and the categories of vehicles in pictures.

    Attributes:
        config: The sizes.
        threshold: The smallest score of a detection that counts, a scalar that the checkpoint holds.
    """

    threshold: Tensor

    def __init__(self, config: VehicleDetectorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Conv2d(3 * config.unshuffle**2, widths[0], 3, padding=1)
        self.down, self.downsample = nn.ModuleList(), nn.ModuleList()
        self.up, self.upsample = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            if level:
                self.downsample.append(Downsample(widths[level - 1], width))
                self.upsample.append(Upsample(width, widths[level - 1]))
                self.up.append(_blocks(widths[level - 1], config.blocks_per_level))
            self.down.append(_blocks(width, config.blocks_per_level))
        self.centres = _head(widths[0], config.num_categories)
        self.sides = _head(widths[0], 4)
        nn.init.constant_(list(self.centres.parameters())[-1], _PRIOR_LOGIT)
        nn.init.constant_(list(self.sides.parameters())[-1], 1.0)
        self.register_buffer("threshold", torch.tensor(0.3))

    def forward(self, pictures: Tensor) -> VehicleDetectorOutput:
        """Maps pictures `b 3 height width` in -1..1 to predictions."""
        h = self.stem(nn.functional.pixel_unshuffle(pictures, self.config.unshuffle))
        skips = []
        for level, blocks in enumerate(self.down):
            if level:
                h = self.downsample[level - 1](h)
            h = blocks(h)
            skips.append(h)
        for level in reversed(range(len(self.up))):
            h = self.up[level](skips[level] + self.upsample[level](h))
        sides = self.sides(h).float().clamp(max=_MAX_LOG_SIDE).exp()
        return VehicleDetectorOutput(self.centres(h).float(), _boxes_around_cells(sides))

    def fitted(self, pictures: Tensor) -> Tensor:
        """Resizes pictures `b 3 h w` to the size of the detector: they are shrunk by area or enlarged bicubically."""
        size = (self.config.height, self.config.width)
        if pictures.shape[-2] > size[0]:
            return nn.functional.interpolate(pictures, size, mode="area")
        if pictures.shape[-2:] == size:
            return pictures
        return nn.functional.interpolate(pictures, size, mode="bicubic", align_corners=False).clamp(-1, 1)

    def detections(self, output: VehicleDetectorOutput, min_score: float) -> list[Detections]:
        """Returns the vehicles in each picture with a score of at least `min_score`, boxes in 0..1 of the picture."""
        score, category = output.centres.sigmoid().max(1)
        peak = score == nn.functional.max_pool2d(score, 3, 1, 1)
        height, width = score.shape[-2:]
        flat = rearrange(score * peak, "b h w -> b (h w)")
        best, cell = flat.topk(min(self.config.max_vehicles, flat.shape[1]))
        boxes = output.xyxy / output.xyxy.new_tensor([width, height, width, height])
        boxes = rearrange(boxes, "b h w d -> b (h w) d").clamp(0, 1)
        found = []
        for index in range(len(score)):
            kept = cell[index][best[index] >= min_score]
            parts = (boxes[index][kept], category[index].flatten()[kept], flat[index][kept])
            detections = Detections(*(part.cpu().numpy() for part in parts))
            found.append(detections.without_repeats(self.config.max_iou))
        return found


@torch.inference_mode()
def detect_vehicles(
    detector: VehicleDetector, frames: np.ndarray, min_score: float | None = None, batch_size: int = 8
) -> list[Detections]:
    """Finds the vehicles in frames.

    Args:
        detector: The vehicle detector.
        frames: Frames of any size, uint8 `t h w 3`, RGB.
        min_score: Smallest score of a detection; None takes the threshold of the detector.
        batch_size: Number of frames at a time.

    Returns:
        The detections in each frame.
    """
    min_score = float(detector.threshold) if min_score is None else min_score
    device = detector.threshold.device
    found: list[Detections] = []
    for start in range(0, len(frames), batch_size):
        batch = torch.from_numpy(np.ascontiguousarray(frames[start : start + batch_size])).to(device)
        pictures = detector.fitted(to_unit_range(batch))
        found += detector.detections(detector(pictures), min_score)
    return found


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, channels, None, "group") for _ in range(count)))


def _head(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.SiLU(), nn.Conv2d(channels, out_channels, 1))


def _boxes_around_cells(sides: Tensor) -> Tensor:
    """Distances `b 4 h w` from the middle of each cell to the left, upper, right, lower edge, to boxes `b h w 4`."""
    height, width = sides.shape[-2:]
    x = torch.arange(width, device=sides.device) + 0.5
    y = (torch.arange(height, device=sides.device) + 0.5)[:, None]
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], -1)
