from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from drivesim.diffusion.samplers import final
from drivesim.engine import Engine, FutureStart, Progress, fast
from drivesim.engine.future.predict import predict_window
from drivesim.engine.sampling import DiffusionStage
from drivesim.engine.settings import EngineSettings, SamplerSettings
from drivesim.models.conditioning import Conditioning
from drivesim.models.presets import tiny
from drivesim.scenario import Sampling

LABELS = Conditioning(time_of_day=torch.tensor([1]), crowdedness=torch.tensor([4]))


class Recording:
    """A network that predicts nothing and keeps its inputs."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Tensor, Conditioning]] = []

    def __call__(self, x: Tensor, tau: Tensor, conditioning: Conditioning) -> Tensor:
        self.inputs.append((x, conditioning))
        return torch.zeros_like(x)


def _predict(settings: EngineSettings, num_known: int = 2) -> tuple[Tensor, Tensor, Recording]:
    network, generator = Recording(), torch.Generator().manual_seed(0)
    known = torch.randn(num_known, 8, 4, 8, generator=generator)
    noise = torch.randn(8, 8, 4, 8, generator=generator)
    stage = DiffusionStage(network, tiny().denoiser("prediction"))
    return final(predict_window(stage, known, LABELS, settings, noise))[0], known, network


def test_the_window_begins_with_the_known_keyframes_exactly() -> None:
    for num_known in (1, 2):
        made, known, _ = _predict(fast(), num_known)
        assert torch.equal(made[:num_known], known)


def test_the_sampler_sees_known_keyframes_with_the_noise_of_each_step() -> None:
    _, known, network = _predict(replace(fast(), prediction=SamplerSettings(8, "ddim")))
    last, _ = network.inputs[-1]
    first, _ = network.inputs[0]
    assert (last[0, :2] - known).square().mean() < 0.5 * (first[0, :2] - known).square().mean()


def test_guidance_costs_a_call_for_each_kind_and_drops_only_it() -> None:
    steps = fast().prediction.steps
    for scene, context, calls in ((1.0, 1.0, 1), (2.0, 1.0, 2), (1.0, 2.0, 2), (2.0, 2.0, 3)):
        _, _, network = _predict(replace(fast(), scene_guidance=scene, context_guidance=context))
        assert len(network.inputs) == calls * steps
        told = {(c.context is not None, c.time_of_day is not None) for _, c in network.inputs}
        expected = (
            {(True, True)} | ({(True, False)} if scene > 1 else set()) | ({(False, True)} if context > 1 else set())
        )
        assert told == expected


def test_context_guidance_changes_the_future(engine: Engine, scenario) -> None:
    plain = engine.future(scenario).predict(0, None).latents
    guided = engine.future(scenario, settings=replace(fast(), context_guidance=4.0)).predict(0, None).latents
    assert np.array_equal(plain[0], guided[0])
    assert not np.allclose(plain[1:], guided[1:])


def test_the_network_sees_noise_on_its_context_and_its_level_but_the_window_begins_exactly() -> None:
    network, generator = Recording(), torch.Generator().manual_seed(0)
    known, noise = (torch.randn(count, 8, 4, 8, generator=generator) for count in (2, 8))
    context_noise = torch.randn(2, 8, 4, 8, generator=generator)
    stage = DiffusionStage(network, tiny().denoiser("prediction"))
    settings = replace(fast(), context_noise=0.1)
    made = final(predict_window(stage, known, LABELS, settings, noise=noise, context_noise=context_noise))[0]
    assert torch.equal(made[:2], known)
    contexts = [conditions.context for _, conditions in network.inputs if conditions.context is not None]
    assert all(torch.equal(context.latents[0, :2], known + 0.1 * context_noise) for context in contexts)
    assert all(torch.equal(context.noise, torch.tensor([0.1])) for context in contexts)


def test_noise_on_the_context_has_no_effect_on_networks_that_are_not_conditioned_on_it(
    engine: Engine, scenario
) -> None:
    exact, noisy = (
        engine.future(scenario, settings=replace(fast(), context_noise=level)).predict(0, None).latents
        for level in (0.0, 0.3)
    )
    assert np.array_equal(exact, noisy)


STAGES = ("first frame", "predict", "interpolate", "decode", "upsample")


def test_the_progress_of_a_window_moves_within_its_stages(engine: Engine, scenario) -> None:
    blocks = replace(fast().upsampler, block_frames=4)
    steps = replace(fast(), prediction=SamplerSettings(5), decoder_frames=4, upsampler=blocks)
    shorter = scenario.model_copy(update={"duration_s": 1.0, "sampling": Sampling()})
    made = [event for event in engine.windows(shorter, [FutureStart(0)], settings=steps) if isinstance(event, Progress)]
    fractions = [event.fraction for event in made]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    parts = {stage: {event.fraction for event in made if event.stage == stage} for stage in STAGES}
    assert len(parts["predict"]) == 5
    assert all(len(fractions) > 1 for fractions in parts.values())
