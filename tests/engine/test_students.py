"""Engines whose checkpoints hold students: what is sampled, that it repeats, and that nothing changes without them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.diffusion.samplers import sampling_taus
from drivesim.diffusion.schedule import Schedule
from drivesim.engine import Engine, EngineSettings, ResumePoint, fast, quality, sampled_students
from drivesim.engine.making import made
from drivesim.engine.unheeded import heeded_settings
from drivesim.models.checkpoints import BASE_OF, CheckpointSet, save_checkpoint, sha256_of, write_manifest
from drivesim.models.presets import tiny
from drivesim.models.stages import TEACHER_OF
from drivesim.scenario import Sampling, Scenario

SCENARIO = Scenario.model_validate(
    {
        "format": 1,
        "name": "short",
        "boxes": [{"category": "truck", "xyxy": [400, 260, 520, 340]}],
        "duration_s": 4.0,
    }
)


def add_student(folder: Path, role: str, teacher_sha256: str | None = None) -> None:
    """Adds a student whose parameters are those of its teacher, changed a little."""
    teacher, checkpoints = TEACHER_OF[role], CheckpointSet.open(folder)
    network, generator = checkpoints.load(teacher), torch.Generator().manual_seed(len(role))
    own = checkpoints.load(BASE_OF[role]).state_dict() if role in BASE_OF else {}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name not in own:
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    base = sha256_of(folder / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
    digest = teacher_sha256 or checkpoints.sha256[teacher]
    save_checkpoint(folder / f"{role}.safetensors", network, role, base, teacher_sha256=digest)
    write_manifest(folder, tiny())


@pytest.fixture(scope="module")
def with_students(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(tiny_checkpoints, tmp_path_factory.mktemp("students") / "tiny")
    for role in TEACHER_OF:
        add_student(folder, role)
    return folder


def frames(engine: Engine, settings: EngineSettings, resume: ResumePoint | None = None) -> list[np.ndarray]:
    torch.set_num_threads(1)
    return [window.frames for window in engine.rollout(SCENARIO, seed=3, settings=settings, resume=resume)]


def calls(engine: Engine, role: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the calls of the network of a stage, each with its diffusion time."""
    taus, network = [], getattr(engine.networks, role).network
    forward = network.forward

    def counted(x, tau, conditioning):
        taus.append(int(tau[0]))
        return forward(x, tau, conditioning)

    monkeypatch.setattr(network, "forward", counted)
    return taus


def test_fast_samples_the_students_at_their_levels(with_students: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.load(with_students)
    by_student = {role: calls(engine, role, monkeypatch) for role in TEACHER_OF}
    by_teacher = {role: calls(engine, role, monkeypatch) for role in TEACHER_OF.values()}
    windows = list(engine.rollout(SCENARIO, seed=3, settings=fast()))
    assert by_student == {
        "image_few_steps": [tau for tau in (999, 749, 499, 249) for _ in ("with conditions", "without")],
        "prediction_few_steps": len(windows) * [499, 249],
        "interpolation_few_steps": len(windows) * [999, 499],
    }
    assert not by_teacher["image"]
    assert not by_teacher["interpolation"]
    assert set(by_teacher["prediction"]) == {tau for tau in sampling_taus(Schedule.cosine(), 16) if tau > 499}
    engine.compose(SCENARIO, settings=replace(quality(), image=replace(quality().image, steps=2)))
    assert len(by_teacher["image"]) == 2 * 2
    assert len(by_student["image_few_steps"]) == 2 * 4


def test_rollouts_with_students_repeat_resume_and_are_others_than_without(
    with_students: Path, tiny_checkpoints: Path
) -> None:
    engine = Engine.load(with_students)
    windows = list(engine.rollout(SCENARIO, seed=3, settings=fast()))
    again = frames(Engine.load(with_students), fast())
    assert all(np.array_equal(window.frames, other) for window, other in zip(windows, again, strict=True))
    (resumed, *_) = frames(engine, fast(), ResumePoint(1, windows[0].keyframe_latents))
    assert np.array_equal(resumed, windows[1].frames)
    without = frames(Engine.load(tiny_checkpoints), fast())
    assert not np.array_equal(without[0], windows[0].frames)
    unasked = frames(engine, replace(fast(), students=()))
    assert all(np.array_equal(one, other) for one, other in zip(unasked, without, strict=True))


def test_attempts_of_the_gate_differ_with_a_student(with_students: Path) -> None:
    engine = Engine.load(with_students)
    conditions = engine.first_layout(SCENARIO)
    assert conditions is not None
    composer = engine._first_frame(SCENARIO, 3, fast())
    with torch.inference_mode():
        first, again, second = (made(composer._attempt(number)) for number in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("sampling", "left"),
    [
        ({}, {"image", "prediction", "interpolation"}),
        ({"guidance": 4.0}, {"prediction", "interpolation"}),
        ({"context_guidance": 1.5}, {"image", "interpolation"}),
        ({"steps": 8}, {"interpolation"}),
        ({"sampler": "ddim"}, set()),
    ],
)
def test_what_a_scenario_says_about_sampling_takes_the_place_of_a_student(
    sampling: dict[str, object], left: set[str], with_students: Path
) -> None:
    settings = fast().with_sampling(Sampling.model_validate(sampling))
    assert set(sampled_students(settings, CheckpointSet.open(with_students))) == left


def test_the_identity_names_the_students_that_are_sampled_and_is_as_before_without_them(
    with_students: Path, tiny_checkpoints: Path
) -> None:
    having, without = CheckpointSet.open(with_students), CheckpointSet.open(tiny_checkpoints)
    assert heeded_settings(fast(), having).canonical()["students"] == ["image", "prediction", "interpolation"]
    for settings, checkpoints in ((fast(), without), (quality(), having), (quality(), without)):
        assert not {"students", "student_guidance"} & heeded_settings(settings, checkpoints).canonical().keys()


def test_guidance_of_the_student_is_in_the_identity_only_where_it_has_an_effect(with_students: Path) -> None:
    having = CheckpointSet.open(with_students)
    weights = {}
    for weight, students in ((2.0, fast().students), (1.0, fast().students), (2.0, ("prediction",))):
        settings = replace(fast(), student_guidance=weight, students=students)
        weights[weight, "image" in students] = heeded_settings(settings, having).canonical().get("student_guidance")
    assert weights == {(2.0, True): 2.0, (1.0, True): None, (2.0, False): None}


def test_a_student_of_another_teacher_is_not_sampled(with_students: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(with_students, tmp_path / "tiny")
    add_student(folder, "image_few_steps", teacher_sha256="0" * 64)
    checkpoints = CheckpointSet.open(folder)
    assert checkpoints.student_of("image") is None
    assert set(sampled_students(fast(), checkpoints)) == {"prediction", "interpolation"}
