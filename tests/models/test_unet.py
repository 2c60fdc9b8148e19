from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from drivesim.models.checkpoints import BASE_OF, build
from drivesim.models.conditioning import UNKNOWN, Conditioning
from drivesim.models.presets import Preset
from drivesim.models.temporal import temporal_names, temporal_parameters
from drivesim.models.unet import UNet, UNetConfig

TAU = torch.tensor([100, 800])
X = torch.randn(2, 4, 8, 8, 16, generator=torch.Generator().manual_seed(0))


def image_and_video(image: UNet, config: UNetConfig) -> UNet:
    """An untrained video model on the spatial layers of `image`."""
    video = UNet(config)
    missing, unexpected = video.load_state_dict(image.state_dict(), strict=False)
    assert not unexpected
    assert missing
    assert set(missing) == temporal_names(video)
    return video.eval()


@torch.no_grad()
def test_a_video_model_equals_its_image_model_at_the_start(randomise, image_config, video_config, conditioning) -> None:
    image = randomise(UNet(image_config))
    expected = image(X, TAU, conditioning)
    assert expected.abs().mean() > 0.01
    assert torch.equal(image_and_video(image, video_config)(X, TAU, conditioning), expected)


@torch.no_grad()
def test_a_video_model_equals_its_image_model_while_alpha_is_one(
    randomise, image_config, video_config, conditioning
) -> None:
    image = randomise(UNet(image_config))
    video = randomise(UNet(video_config))
    video.load_state_dict(image.state_dict(), strict=False)
    expected = image(X, TAU, conditioning)
    assert not torch.allclose(video(X, TAU, conditioning), expected, atol=1e-2)
    for name, parameter in video.named_parameters():
        if name.endswith("alpha_logit"):
            parameter.fill_(1e4)
    assert torch.equal(video(X, TAU, conditioning), expected)


@pytest.mark.parametrize("role", list(BASE_OF))
def test_temporal_names_are_what_the_video_model_has_more(role: str, preset: Preset) -> None:
    video, base = (build(r, preset) for r in (role, BASE_OF[role]))
    assert temporal_names(video) == set(video.state_dict()) - set(base.state_dict())
    assert temporal_names(video)
    assert not temporal_names(base)


def test_only_temporal_parameters_change_and_all_of_them(randomise, video_config, conditioning) -> None:
    video = randomise(UNet(video_config)).train()
    before = {name: tensor.clone() for name, tensor in video.state_dict().items()}
    optimiser = torch.optim.Adam(temporal_parameters(video).values(), lr=1e-2)
    (video(X, TAU, conditioning) - X).square().mean().backward()
    optimiser.step()
    changed = {name for name, tensor in video.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == temporal_names(video)


def test_an_image_model_has_no_temporal_parameters(image_config: UNetConfig) -> None:
    assert temporal_parameters(UNet(image_config)) == {}


def changed_frame(x: torch.Tensor, frame: int) -> torch.Tensor:
    other = x.clone()
    other[:, frame] = torch.randn_like(other[:, frame])
    return other


@torch.no_grad()
def test_frames_are_independent_in_an_image_model_and_not_in_a_video_model(
    randomise, image_config, video_config, conditioning
) -> None:
    image, video = randomise(UNet(image_config)), randomise(UNet(video_config))
    other = changed_frame(X, 2)
    assert torch.equal(image(other, TAU, conditioning)[:, [0, 1, 3]], image(X, TAU, conditioning)[:, [0, 1, 3]])
    differs = (video(other, TAU, conditioning) - video(X, TAU, conditioning)).abs().amax((2, 3, 4))
    assert (differs > 1e-4).all()


@torch.no_grad()
def test_a_sample_does_not_depend_on_its_neighbours(randomise, video_config, conditioning) -> None:
    video = randomise(UNet(video_config))
    out = video(X, TAU, conditioning)
    other, tau = X.clone(), TAU.clone()
    other[1], tau[1] = torch.randn_like(other[1]), 5
    neighbour_changed = replace(
        conditioning,
        crowdedness=torch.tensor([3, UNKNOWN]),
        frame_rate=torch.tensor([0, 0]),
        boxes=replace(conditioning.boxes, known=torch.tensor([True, False])),
        ego_motion=replace(conditioning.ego_motion, known=torch.tensor([True, False])),
        context=replace(conditioning.context, mask=conditioning.context.mask & torch.tensor([[True], [False]])),
    )
    assert torch.equal(video(other, tau, neighbour_changed)[0], out[0])
    alone = Conditioning(
        boxes=replace(conditioning.boxes, **first(conditioning.boxes)),
        time_of_day=conditioning.time_of_day[:1],
        crowdedness=conditioning.crowdedness[:1],
        ego_motion=replace(conditioning.ego_motion, **first(conditioning.ego_motion)),
        context=replace(conditioning.context, **first(conditioning.context)),
        frame_rate=conditioning.frame_rate[:1],
    )
    assert torch.allclose(video(X[:1], TAU[:1], alone), out[:1], atol=1e-4)


def first(record: object) -> dict[str, torch.Tensor | None]:
    return {name: None if value is None else value[:1] for name, value in vars(record).items()}


def forgotten(conditioning: Conditioning) -> dict[str, Conditioning]:
    """Each kind marked as unknown for every sample, its values still there."""
    no = torch.tensor([False, False])
    unknown = torch.full((2,), UNKNOWN)
    return {
        "boxes": replace(conditioning, boxes=replace(conditioning.boxes, known=no)),
        "time_of_day": replace(conditioning, time_of_day=unknown),
        "crowdedness": replace(conditioning, crowdedness=unknown),
        "ego_motion": replace(conditioning, ego_motion=replace(conditioning.ego_motion, known=no)),
        "context": replace(conditioning, context=replace(conditioning.context, mask=no[:, None].expand(2, 4))),
        "frame_rate": replace(conditioning, frame_rate=unknown),
    }


@torch.no_grad()
@pytest.mark.parametrize("name", ["boxes", "time_of_day", "crowdedness", "ego_motion", "context", "frame_rate"])
def test_unknown_equals_dropped_and_known_is_heard(name: str, randomise, video_config, conditioning) -> None:
    video = randomise(UNet(video_config))
    dropped = video(X, TAU, conditioning.drop(name))
    assert torch.equal(video(X, TAU, forgotten(conditioning)[name]), dropped)
    assert (video(X, TAU, conditioning) - dropped).abs().amax((1, 2, 3, 4)).min() > 1e-4


@torch.no_grad()
def test_without_any_condition_and_for_any_number_of_frames(randomise, video_config) -> None:
    video = randomise(UNet(video_config))
    for num_frames in (1, 2, 5):
        x = torch.randn(1, num_frames, 8, 8, 16)
        out = video(x, TAU[:1])
        assert out.shape == x.shape
        assert out.isfinite().all()
        assert torch.equal(out, video(x, TAU[:1], Conditioning()))


@torch.no_grad()
def test_the_noise_level_is_heard(randomise, image_config) -> None:
    image: nn.Module = randomise(UNet(image_config))
    assert not torch.allclose(image(X, TAU), image(X, TAU.flip(0)), atol=1e-4)
