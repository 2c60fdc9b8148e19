from __future__ import annotations

import torch

from drivesim.models.conditioning import UNKNOWN, Conditioning, ContextFrames, EgoMotion
from drivesim.models.embedding import MAX_CROWDEDNESS, NoiseEmbedding, SceneEmbedding, TemporalEmbedding
from drivesim.models.temporal import TemporalConfig

TAU = torch.tensor([10, 700])


def test_noise_levels_are_told_apart() -> None:
    first, second = NoiseEmbedding(32)(TAU)
    assert (first - second).abs().max() > 0.01


def test_an_absent_scene_label_is_an_unknown_one(randomise) -> None:
    embedding = randomise(SceneEmbedding(32))
    unknown = torch.full((2,), UNKNOWN)
    assert torch.equal(
        embedding(Conditioning(), 2), embedding(Conditioning(time_of_day=unknown, crowdedness=unknown), 2)
    )


def test_every_known_count_differs_from_unknown_and_from_the_next(randomise) -> None:
    embedding = randomise(SceneEmbedding(32))
    counts = torch.arange(UNKNOWN, MAX_CROWDEDNESS + 1)
    embedded = embedding(Conditioning(crowdedness=counts), len(counts))
    assert (torch.cdist(embedded, embedded) + torch.eye(len(counts))).min() > 1e-3


def test_scene_labels_enter_sample_by_sample(randomise) -> None:
    embedding = randomise(SceneEmbedding(32))
    mixed = embedding(Conditioning(time_of_day=torch.tensor([1, UNKNOWN])), 2)
    assert torch.equal(mixed[1], embedding(Conditioning(), 2)[1])
    assert not torch.equal(mixed[0], mixed[1])


def test_ego_motion_is_told_frame_by_frame(randomise) -> None:
    embedding = randomise(TemporalEmbedding(32, TemporalConfig(ego_motion=True, frame_rate=False)))
    values = torch.zeros(2, 4, 2)
    values[0, 2] = torch.tensor([10.0, 0.2])
    known = torch.tensor([True, True])
    embedded = embedding(TAU, Conditioning(ego_motion=EgoMotion(values, known)), 4)
    assert embedded.shape == (2, 4, 32)
    assert not torch.equal(embedded[0, 2], embedded[0, 1])
    assert torch.equal(embedded[0, 3], embedded[0, 1])


def test_unknown_ego_motion_is_absent_and_differs_from_standing_still(randomise) -> None:
    embedding = randomise(TemporalEmbedding(32, TemporalConfig(ego_motion=True, frame_rate=False)))
    motion = EgoMotion(torch.randn(2, 4, 2), torch.tensor([False, False]))
    absent = embedding(TAU, Conditioning(), 4)
    assert torch.equal(embedding(TAU, Conditioning(ego_motion=motion), 4), absent)
    still = EgoMotion(torch.zeros(2, 4, 2), torch.tensor([True, True]))
    assert not torch.allclose(embedding(TAU, Conditioning(ego_motion=still), 4), absent)


def test_regimes_of_the_frame_rate_differ(randomise) -> None:
    embedding = randomise(TemporalEmbedding(32, TemporalConfig(ego_motion=False, frame_rate=True)))
    regimes = [embedding(TAU, Conditioning(frame_rate=torch.full((2,), regime)), 4) for regime in (UNKNOWN, 0, 1)]
    assert torch.equal(regimes[0], embedding(TAU, Conditioning(), 4))
    assert not torch.allclose(regimes[1], regimes[2])
    assert not torch.allclose(regimes[0], regimes[1])


def noisy_contexts(levels: list[float], known: list[bool]) -> Conditioning:
    mask = torch.tensor(known)[:, None].expand(-1, 4)
    return Conditioning(context=ContextFrames(torch.randn(len(levels), 4, 1, 1, 1), mask, torch.tensor(levels)))


def test_the_noise_of_the_context_has_no_effect_before_it_is_trained() -> None:
    embedding = TemporalEmbedding(32, TemporalConfig(context_noise=True))
    told = noisy_contexts([0.1, 0.7], [True, True])
    assert torch.equal(embedding(TAU, told, 4), embedding.noise(TAU)[:, None].expand(-1, 4, -1))


def test_levels_of_noise_on_the_context_are_told_apart(randomise) -> None:
    embedding = randomise(TemporalEmbedding(32, TemporalConfig(context_noise=True)))
    tau = torch.full((4,), 500)
    embedded = embedding(tau, noisy_contexts([0.0, 0.02, 0.1, 0.7], [True] * 4), 4)[:, 0]
    assert (torch.cdist(embedded, embedded) + torch.eye(4)).min() > 1e-3


def test_without_known_frames_there_is_no_noise_level(randomise) -> None:
    embedding = randomise(TemporalEmbedding(32, TemporalConfig(context_noise=True)))
    unknown = embedding(TAU, noisy_contexts([0.1, 0.7], [False, True]), 4)
    absent = embedding(TAU, Conditioning(), 4)
    assert torch.equal(unknown[0], absent[0])
    assert not torch.allclose(unknown[1], absent[1])
