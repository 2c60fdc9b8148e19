from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from drivesim.models.conditioning import UNKNOWN, BoxLayout, Conditioning, ContextFrames, EgoMotion, LowResolution

KINDS = ("boxes", "time_of_day", "crowdedness", "ego_motion", "context", "frame_rate")


def of_size(count: int) -> Conditioning:
    known = torch.ones(count, dtype=torch.bool)
    return Conditioning(
        boxes=BoxLayout(torch.rand(count, 1, 2, 4), torch.zeros(count, 1, 2, dtype=torch.long), known),
        time_of_day=torch.ones(count, dtype=torch.long),
        crowdedness=torch.full((count,), 5),
        ego_motion=EgoMotion(torch.randn(count, 3, 2), known),
        context=ContextFrames(
            torch.randn(count, 3, 1, 1, 1),
            torch.tensor([True, False, True]).expand(count, 3),
            torch.full((count,), 0.1),
        ),
        frame_rate=torch.zeros(count, dtype=torch.long),
    )


def is_known(conditioning: Conditioning, name: str) -> torch.Tensor:
    value = getattr(conditioning, name)
    if isinstance(value, ContextFrames):
        return value.mask.any(1)
    return value.known if hasattr(value, "known") else value != UNKNOWN


def test_drop_takes_away_what_is_named_and_nothing_else() -> None:
    whole = of_size(2)
    dropped = whole.drop("boxes", "context")
    assert dropped.boxes is None
    assert dropped.context is None
    assert all(getattr(dropped, name) is getattr(whole, name) for name in KINDS if name not in ("boxes", "context"))
    assert whole.boxes is not None


def test_drop_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="weather"):
        of_size(1).drop("weather")


def test_each_kind_is_forgotten_at_its_own_rate_independently_of_the_others() -> None:
    rates = dict(zip(KINDS, (0.1, 0.3, 0.5, 0.7, 0.5, 0.2), strict=True))
    dropped = of_size(20_000).drop_randomly(rates, torch.Generator().manual_seed(0))
    forgotten = torch.stack([~is_known(dropped, name) for name in KINDS]).float()
    assert torch.allclose(forgotten.mean(1), torch.tensor(list(rates.values())), atol=0.015)
    assert torch.allclose(torch.corrcoef(forgotten), torch.eye(len(KINDS)), atol=0.03)


def test_random_drop_keeps_what_is_not_forgotten() -> None:
    whole = of_size(64)
    dropped = whole.drop_randomly(dict.fromkeys(KINDS, 0.5), torch.Generator().manual_seed(0))
    assert torch.equal(dropped.boxes.xyxy, whole.boxes.xyxy)
    assert torch.equal(dropped.ego_motion.values, whole.ego_motion.values)
    keep = is_known(dropped, "context")
    assert torch.equal(dropped.context.mask[keep], whole.context.mask[keep])
    assert set(dropped.crowdedness.tolist()) == {UNKNOWN, 5}


def test_random_drop_never_brings_back_what_was_unknown() -> None:
    whole = of_size(8)
    unknown = torch.zeros(8, dtype=torch.bool)
    boxes, time_of_day = replace(whole.boxes, known=unknown), torch.full((8,), UNKNOWN)
    silent = replace(whole, boxes=boxes, time_of_day=time_of_day, crowdedness=None)
    rates = {"boxes": 0.0, "time_of_day": 0.0, "crowdedness": 0.5}
    kept = silent.drop_randomly(rates, torch.Generator().manual_seed(0))
    assert not is_known(kept, "boxes").any()
    assert not is_known(kept, "time_of_day").any()
    assert kept.crowdedness is None


def test_rates_of_zero_and_one_are_exact() -> None:
    whole = of_size(1000)
    kept = whole.drop_randomly(dict.fromkeys(KINDS, 0.0), torch.Generator().manual_seed(0))
    gone = whole.drop_randomly(dict.fromkeys(KINDS, 1.0), torch.Generator().manual_seed(0))
    assert all(is_known(kept, name).all() for name in KINDS)
    assert not any(is_known(gone, name).any() for name in KINDS)


def test_to_moves_every_tensor() -> None:
    low_res = LowResolution(torch.rand(2, 1, 3, 4, 4), torch.tensor([1, 2]))
    whole = replace(of_size(2), low_res=low_res, frame_rate=None)
    moved = whole.to("meta")
    for field in fields(moved):
        value = getattr(moved, field.name)
        if value is not None:
            tensors = [value] if isinstance(value, torch.Tensor) else [getattr(value, f.name) for f in fields(value)]
            assert all(tensor.device.type == "meta" for tensor in tensors), field.name
    assert moved.frame_rate is None
    assert replace(whole, context=replace(whole.context, noise=None)).to("meta").context.noise is None


def test_first_frames_keep_what_is_known_of_them_and_of_whole_samples() -> None:
    whole = of_size(2)
    first = whole.first_frames(2)
    assert torch.equal(first.ego_motion.values, whole.ego_motion.values[:, :2])
    assert torch.equal(first.context.latents, whole.context.latents[:, :2])
    assert torch.equal(first.context.mask, whole.context.mask[:, :2])
    assert torch.equal(first.context.noise, whole.context.noise)
    assert torch.equal(first.ego_motion.known, whole.ego_motion.known)
    assert torch.equal(first.time_of_day, whole.time_of_day)
    assert first.low_res is None


def test_kinds_can_be_forgotten_together() -> None:
    names = ("boxes", "time_of_day")
    dropped = of_size(20_000).drop_randomly(dict.fromkeys(names, 0.2), torch.Generator().manual_seed(0), together=0.25)
    boxes, time = (~is_known(dropped, name) for name in names)
    assert abs(float((boxes & time).float().mean()) - (0.25 + 0.75 * 0.04)) < 0.015
    assert abs(float(boxes.float().mean()) - (0.25 + 0.75 * 0.2)) < 0.015
    assert is_known(dropped, "crowdedness").all()
