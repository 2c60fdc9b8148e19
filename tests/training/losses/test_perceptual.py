from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from drivesim.errors import MissingExtraError
from drivesim.training.losses import perceptual
from drivesim.training.losses.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def distance() -> PerceptualDistance:
    return PerceptualDistance()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """Two pictures (b c h w) of coloured patches with texture."""
    generator = torch.Generator().manual_seed(0)
    patches = F.interpolate(torch.rand(2, 3, 8, 8, generator=generator), size=(64, 64), mode="nearest")
    texture = 0.3 * torch.randn(2, 1, 64, 64, generator=generator)
    return ((patches + texture) * 2 - 1).clamp(-1, 1)


def blurred(images: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(F.pad(images, (size // 2,) * 4, mode="reflect"), size, stride=1)


def test_one_distance_a_picture_zero_where_equal(distance: PerceptualDistance, pictures: Tensor) -> None:
    assert torch.equal(distance(pictures, pictures), torch.zeros(2))
    assert torch.equal(distance(pictures, torch.stack([pictures[0], pictures[0]])) > 0, torch.tensor([False, True]))


def test_symmetric_and_independent_of_the_batch(distance: PerceptualDistance, pictures: Tensor) -> None:
    blurry = blurred(pictures, 3)
    there, back = distance(pictures, blurry), distance(blurry, pictures)
    torch.testing.assert_close(there, back)
    torch.testing.assert_close(distance(pictures[1:], blurry[1:]), there[1:])


def test_grows_with_blur(distance: PerceptualDistance, pictures: Tensor) -> None:
    distances = torch.stack([distance(pictures, blurred(pictures, size)) for size in (1, 3, 5, 9)])
    assert (distances.diff(dim=0) > 0).all()


def test_forgives_a_shift_by_a_pixel_that_plain_differences_do_not(
    distance: PerceptualDistance, pictures: Tensor
) -> None:
    shifted, blurry = pictures.roll(1, dims=-1), blurred(pictures, 5)
    assert (shifted - pictures).square().mean() > (blurry - pictures).square().mean()
    assert (distance(shifted, pictures) < 0.3 * distance(blurry, pictures)).all()


def test_a_blurry_picture_is_sharpened_by_descent_and_no_weight_is_trained(
    distance: PerceptualDistance, pictures: Tensor
) -> None:
    picture = blurred(pictures, 5).requires_grad_()
    before = distance(picture, pictures).sum()
    before.backward()
    after = distance(picture - 0.05 * picture.grad / picture.grad.abs().max(), pictures).sum()
    assert after < before
    assert list(distance.parameters()) == []


def test_flat_pictures_have_finite_gradients(distance: PerceptualDistance) -> None:
    flat = torch.zeros(1, 3, 32, 32, requires_grad=True)
    distance(flat, torch.ones(1, 3, 32, 32)).sum().backward()
    assert flat.grad.isfinite().all()


def test_first_convolution_with_the_blur_built_in_equals_both_one_after_the_other(pictures: Tensor) -> None:
    weight = torch.randn(4, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    apart = perceptual._blur_and_halve(F.conv2d(pictures, weight, padding=2))
    built_in = F.conv2d(pictures, perceptual._blurred_filters(weight), stride=2, padding=4)
    torch.testing.assert_close(apart[..., 1:-1, 1:-1], built_in[..., 1:-1, 1:-1], rtol=1e-3, atol=1e-3)


def test_missing_weights_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(perceptual, "distribution", missing)
    with pytest.raises(MissingExtraError, match=r"drivesim\[train\]"):
        PerceptualDistance()
