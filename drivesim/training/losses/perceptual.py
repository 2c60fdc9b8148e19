"""A perceptual distance between pictures that forgives small shifts: ST-LPIPS (Ghildyal and Liu, 2022), alex network.

Only the weights in the package stlpips-pytorch are used; the package itself is never imported, because that would
need torchvision and IPython. Inside a picture the features equal those of the package; see `_blurred_filters` on its
border.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from drivesim.errors import MissingExtraError

# Where the weights of each convolution and of its layer's distance are found in the file.
CONVOLUTIONS = ("net.slice1.0", "net.slice2.5", "net.slice3.9", "net.slice4.11", "net.slice5.13")
DISTANCES = tuple(f"lin{i}.model.1.weight" for i in range(5))


class PerceptualDistance(nn.Module):
    """The distance of two batches of pictures; it has no trained parameters and is differentiable in both batches.

    Raises:
        MissingExtraError: The weights are not installed (extra `train`).
    """

    shift: Tensor
    scale: Tensor
    weight0: Tensor
    bias0: Tensor
    weight1: Tensor
    bias1: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights = torch.load(_weights_file(), map_location="cpu", weights_only=True)
        self.register_buffer("shift", weights["scaling_layer.shift"])
        self.register_buffer("scale", weights["scaling_layer.scale"])
        for i, (convolution, distance) in enumerate(zip(CONVOLUTIONS, DISTANCES, strict=True)):
            weight = weights[f"{convolution}.weight"]
            self.register_buffer(f"weight{i}", _blurred_filters(weight) if i == 0 else weight)
            self.register_buffer(f"bias{i}", weights[f"{convolution}.bias"])
            self.register_buffer(f"distance{i}", weights[distance])

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Returns the distances `b` of pictures `b 3 h w` in -1..1 with sides of at least 21 pixels."""
        total = torch.zeros(first.shape[0], device=first.device)
        for i, (a, b) in enumerate(zip(self._features(first), self._features(second), strict=True)):
            difference = (_unit_length(a) - _unit_length(b)).square()
            total = total + F.conv2d(difference, getattr(self, f"distance{i}")).mean(dim=(1, 2, 3))
        return total

    def statistics(self, pictures: Tensor) -> list[Tensor]:
        """Returns what distances between sets of pictures `b 3 h w` in -1..1 are measured by.

        These are, of each activation of the network, the means and the standard deviations of its channels over the
        picture, `b d`: haze and noise change them.
        """
        activations = [activation.flatten(2).float() for activation in self._features(pictures)]
        return [statistic for a in activations for statistic in (a.mean(2), a.std(2))]

    def _features(self, images: Tensor) -> list[Tensor]:
        """The five activations of the network, each of which is compared."""
        x = (images - self.shift) / self.scale
        x = F.relu(F.conv2d(x, self.weight0, self.bias0, stride=2, padding=4))
        features = [x]
        x = _blur_and_halve(F.max_pool2d(x, kernel_size=3, stride=1))
        x = F.relu(F.conv2d(x, self.weight1, self.bias1, padding=2))
        features.append(x)
        x = _blur_and_halve(F.max_pool2d(x, kernel_size=3, stride=1))
        for i in (2, 3, 4):
            x = F.relu(F.conv2d(x, getattr(self, f"weight{i}"), getattr(self, f"bias{i}"), padding=1))
            features.append(x)
        return features


def _binomial(like: Tensor) -> Tensor:
    row = torch.tensor([0.25, 0.5, 0.25], device=like.device, dtype=like.dtype)
    return torch.outer(row, row)


def _blur_and_halve(x: Tensor) -> Tensor:
    """Blurs by 1 2 1 in both directions and keeps every second pixel: what makes small shifts harmless."""
    kernel = _binomial(x).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def _blurred_filters(weight: Tensor) -> Tensor:
    """Filters (o, i, k, k) as (o, i, k + 2, k + 2) with the blur after them built in.

    Both are linear, so a convolution of stride 2 by these equals one of stride 1 and then `_blur_and_halve`, at half
    to two thirds of the time of the whole distance. Only the outermost features differ, where the blur reflects and
    this extends the picture by grey: distances change by 1 to 3 % on pictures, by up to 8 % on pure noise.
    """
    per_channel = F.conv2d(rearrange(weight, "o i h w -> (o i) 1 h w"), _binomial(weight)[None, None], padding=2)
    return rearrange(per_channel, "(o i) 1 h w -> o i h w", o=weight.shape[0])


def _unit_length(features: Tensor) -> Tensor:
    """Each pixel's channels at length 1; the epsilon lies inside the root, so that zero features have a gradient."""
    return features * (features.square().sum(1, keepdim=True) + 1e-10).rsqrt()


def _weights_file() -> Path:
    try:
        package = distribution("stlpips-pytorch")
    except PackageNotFoundError as error:
        raise MissingExtraError(
            "the perceptual loss needs the weights in stlpips-pytorch, which is not installed: "
            "pip install 'drivesim[train]'"
        ) from error
    return Path(str(package.locate_file("stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth")))
