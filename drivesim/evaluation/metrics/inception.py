"""The Inception network of the Fréchet Inception distance (Heusel et al., 2017), for weights that the user brings.

The weights are those that PyTorch implementations of the FID use (pt_inception-2015-12-05-6726825d.pth): a conversion
of the TensorFlow network, whose pooling differs from torchvision's. With other weights the distance is not the FID.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from drivesim.errors import InputError
from drivesim.models.checkpoints import sha256_of

_SHA256_STARTS_WITH = "6726825d"
_EPSILON = 1e-3  # of the batch normalisation


class InceptionV3:
    """Inception v3: the 2048 features before the classifier, averaged over the picture."""

    name = "inception-v3-fid"
    resize = "bilinear, not antialiased, to 299x299"

    def __init__(self, weights: dict[str, Tensor], sha256: str) -> None:
        self.weights, self.sha256 = weights, sha256

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> InceptionV3:
        """Loads the weights from their file.

        Raises:
            InputError: The file is missing, or is another one.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; FID needs the weights pt_inception-2015-12-05-6726825d.pth")
        digest = sha256_of(path)
        if not digest.startswith(_SHA256_STARTS_WITH):
            raise InputError(f"{path}: its sha256 is {digest}, not that of pt_inception-2015-12-05-6726825d.pth")
        return cls(torch.load(path, map_location=device, weights_only=True), digest)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Maps pictures `b 3 h w` with values in 0..255 to features `b 2048`."""
        x = F.interpolate(pictures / 255, (299, 299), mode="bilinear", align_corners=False) * 2 - 1
        x = self._conv(x, "Conv2d_1a_3x3", stride=2, padded=False)
        x = self._conv(x, "Conv2d_2a_3x3", padded=False)
        x = F.max_pool2d(self._conv(x, "Conv2d_2b_3x3"), 3, 2)
        x = self._conv(self._conv(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3", padded=False)
        x = F.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._small_filters(x, f"{name}.")
        x = self._shrink_to_17(x, "Mixed_6a.")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._long_filters(x, f"{name}.")
        x = self._shrink_to_8(x, "Mixed_7a.")
        x = self._wide_filters(x, "Mixed_7b.", _mean_around(x))
        x = self._wide_filters(x, "Mixed_7c.", F.max_pool2d(x, 3, 1, 1))
        return x.mean((2, 3))

    def _small_filters(self, x: Tensor, block: str) -> Tensor:
        five = self._chain(x, block, "branch5x5_1", "branch5x5_2")
        three = self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3")
        pool = self._chain(_mean_around(x), block, "branch_pool")
        return torch.cat([self._chain(x, block, "branch1x1"), five, three, pool], 1)

    def _shrink_to_17(self, x: Tensor, block: str) -> Tensor:
        three = self._conv(x, f"{block}branch3x3", stride=2, padded=False)
        double = self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2")
        double = self._conv(double, f"{block}branch3x3dbl_3", stride=2, padded=False)
        return torch.cat([three, double, F.max_pool2d(x, 3, 2)], 1)

    def _long_filters(self, x: Tensor, block: str) -> Tensor:
        seven = self._chain(x, block, *(f"branch7x7_{i}" for i in range(1, 4)))
        double = self._chain(x, block, *(f"branch7x7dbl_{i}" for i in range(1, 6)))
        pool = self._chain(_mean_around(x), block, "branch_pool")
        return torch.cat([self._chain(x, block, "branch1x1"), seven, double, pool], 1)

    def _shrink_to_8(self, x: Tensor, block: str) -> Tensor:
        three = self._chain(x, block, "branch3x3_1")
        three = self._conv(three, f"{block}branch3x3_2", stride=2, padded=False)
        seven = self._chain(x, block, *(f"branch7x7x3_{i}" for i in range(1, 4)))
        seven = self._conv(seven, f"{block}branch7x7x3_4", stride=2, padded=False)
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)

    def _wide_filters(self, x: Tensor, block: str, pooled: Tensor) -> Tensor:
        three = self._chain(x, block, "branch3x3_1")
        double = self._chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2")
        parts = [self._chain(x, block, "branch1x1")]
        parts += [self._chain(three, block, f"branch3x3_2{half}") for half in "ab"]
        parts += [self._chain(double, block, f"branch3x3dbl_3{half}") for half in "ab"]
        return torch.cat([*parts, self._chain(pooled, block, "branch_pool")], 1)

    def _chain(self, x: Tensor, block: str, *names: str) -> Tensor:
        for name in names:
            x = self._conv(x, f"{block}{name}")
        return x

    def _conv(self, x: Tensor, name: str, stride: int = 1, padded: bool = True) -> Tensor:
        """Convolution, batch normalisation and ReLU; `padded` keeps height and width."""
        weight = self.weights[f"{name}.conv.weight"]
        padding = [side // 2 for side in weight.shape[2:]] if padded else 0
        mean, variance, gain, bias = (
            self.weights[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        h = F.conv2d(x, weight, stride=stride, padding=padding)
        return F.relu(F.batch_norm(h, mean, variance, gain, bias, eps=_EPSILON))


def _mean_around(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
