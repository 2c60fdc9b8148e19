from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.errors import InputError
from drivesim.evaluation.metrics.features import EfficientNetLite0, features_of
from drivesim.evaluation.metrics.inception import InceptionV3


def test_features_do_not_depend_on_the_batch() -> None:
    network = EfficientNetLite0()
    frames = np.random.default_rng(0).integers(0, 255, (3, 32, 64, 3)).astype(np.uint8)
    whole, single = features_of(network, frames), features_of(network, frames, batch_size=1)
    assert whole.shape == (3, 1280)
    assert np.allclose(whole, single, atol=1e-4)


def test_pictures_of_another_size_are_resized_first() -> None:
    frames = np.full((1, 50, 70, 3), 90, np.uint8)
    enlarged = np.full((1, 100, 140, 3), 90, np.uint8)
    network = EfficientNetLite0()
    assert np.allclose(features_of(network, frames), features_of(network, enlarged), atol=1e-4)


def test_the_weights_are_named_by_their_hash() -> None:
    assert len(EfficientNetLite0().sha256) == 64


def test_weights_that_are_not_those_of_the_fid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        InceptionV3.load(tmp_path / "none.pth")
    (tmp_path / "other.pth").write_bytes(b"weights")
    with pytest.raises(InputError, match="not that of pt_inception"):
        InceptionV3.load(tmp_path / "other.pth")


def test_inception_has_the_published_number_of_parameters() -> None:
    weights = _published_shapes()
    features = InceptionV3(weights, "0")(torch.rand(1, 3, 20, 40) * 255)
    assert features.shape == (1, 2048)
    learnt = [tensor for name, tensor in weights.items() if "running" not in name]
    assert sum(tensor.numel() for tensor in learnt) == 21_785_568


def _published_shapes() -> dict[str, torch.Tensor]:
    """All convolutions of the network: name, output and input channels, kernel (Szegedy et al., 2016)."""
    rows = [
        ("Conv2d_1a_3x3", 32, 3, 3, 3),
        ("Conv2d_2a_3x3", 32, 32, 3, 3),
        ("Conv2d_2b_3x3", 64, 32, 3, 3),
        ("Conv2d_3b_1x1", 80, 64, 1, 1),
        ("Conv2d_4a_3x3", 192, 80, 3, 3),
    ]
    for name, channels, pool in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        rows += [
            (f"{name}.branch1x1", 64, channels, 1, 1),
            (f"{name}.branch5x5_1", 48, channels, 1, 1),
            (f"{name}.branch5x5_2", 64, 48, 5, 5),
            (f"{name}.branch3x3dbl_1", 64, channels, 1, 1),
            (f"{name}.branch3x3dbl_2", 96, 64, 3, 3),
            (f"{name}.branch3x3dbl_3", 96, 96, 3, 3),
            (f"{name}.branch_pool", pool, channels, 1, 1),
        ]
    rows += [
        ("Mixed_6a.branch3x3", 384, 288, 3, 3),
        ("Mixed_6a.branch3x3dbl_1", 64, 288, 1, 1),
        ("Mixed_6a.branch3x3dbl_2", 96, 64, 3, 3),
        ("Mixed_6a.branch3x3dbl_3", 96, 96, 3, 3),
    ]
    for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        rows += [
            (f"{name}.branch1x1", 192, 768, 1, 1),
            (f"{name}.branch7x7_1", width, 768, 1, 1),
            (f"{name}.branch7x7_2", width, width, 1, 7),
            (f"{name}.branch7x7_3", 192, width, 7, 1),
            (f"{name}.branch7x7dbl_1", width, 768, 1, 1),
            (f"{name}.branch7x7dbl_2", width, width, 7, 1),
            (f"{name}.branch7x7dbl_3", width, width, 1, 7),
            (f"{name}.branch7x7dbl_4", width, width, 7, 1),
            (f"{name}.branch7x7dbl_5", 192, width, 1, 7),
            (f"{name}.branch_pool", 192, 768, 1, 1),
        ]
    rows += [
        ("Mixed_7a.branch3x3_1", 192, 768, 1, 1),
        ("Mixed_7a.branch3x3_2", 320, 192, 3, 3),
        ("Mixed_7a.branch7x7x3_1", 192, 768, 1, 1),
        ("Mixed_7a.branch7x7x3_2", 192, 192, 1, 7),
        ("Mixed_7a.branch7x7x3_3", 192, 192, 7, 1),
        ("Mixed_7a.branch7x7x3_4", 192, 192, 3, 3),
    ]
    for name, channels in (("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        rows += [
            (f"{name}.branch1x1", 320, channels, 1, 1),
            (f"{name}.branch3x3_1", 384, channels, 1, 1),
            (f"{name}.branch3x3_2a", 384, 384, 1, 3),
            (f"{name}.branch3x3_2b", 384, 384, 3, 1),
            (f"{name}.branch3x3dbl_1", 448, channels, 1, 1),
            (f"{name}.branch3x3dbl_2", 384, 448, 3, 3),
            (f"{name}.branch3x3dbl_3a", 384, 384, 1, 3),
            (f"{name}.branch3x3dbl_3b", 384, 384, 3, 1),
            (f"{name}.branch_pool", 192, channels, 1, 1),
        ]
    weights = {}
    for name, out_channels, in_channels, height, width in rows:
        weights[f"{name}.conv.weight"] = torch.zeros(out_channels, in_channels, height, width)
        for part in ("running_mean", "running_var", "weight", "bias"):
            weights[f"{name}.bn.{part}"] = torch.ones(out_channels)
    return weights
