"""Students train only what they should, keep their best parameters, and resume to what an unbroken run makes."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch

from drivesim.models.checkpoints import BASE_OF, CheckpointSet
from drivesim.models.checkpoints.tensor_file import read_tensors
from drivesim.models.conditioning import Conditioning
from drivesim.models.presets import tiny
from drivesim.models.stages import TEACHER_OF
from drivesim.models.temporal import temporal_names
from drivesim.regular_files import sha256_of
from drivesim.training.loop import metrics
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.loop import Report
from drivesim.training.loop.session import train_stage
from drivesim.training.losses.latents import known_frames
from drivesim.training.preparation.request import StageRequest
from drivesim.training.preparation.stages import prepare
from drivesim.training.stages import few_steps
from drivesim.training.stages.few_steps import FewStepsStage
from drivesim.training.stages.stage import TrainingStage

STUDENTS = sorted(TEACHER_OF)


@pytest.fixture(autouse=True)
def few_held_out_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_steps, "MEASURED_FRAMES", 16)
    monkeypatch.setattr(metrics, "_tensorboard", lambda *_: None)
    torch.set_num_threads(1)


@pytest.fixture
def out(tiny_checkpoints: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkpoints, tmp_path / "out")


def request_for(role: str, logs: Path, out: Path) -> StageRequest:
    return StageRequest(role, tiny(), logs, out, batch_size=2)


def prepared(role: str, logs: Path, out: Path) -> FewStepsStage:
    stage = prepare(request_for(role, logs, out), lambda *_: None)
    assert isinstance(stage, FewStepsStage)
    return stage


def train(role: str, logs: Path, out: Path, steps: int = 3, reports: int | None = None) -> list[Report]:
    """Trains with a state after every step, and is interrupted after a number of reports."""
    request = request_for(role, logs, out)

    def quick() -> TrainingStage:
        stage = prepared(role, logs, out)
        stage.config = replace(stage.config, adversary_alone=1)
        return stage

    return list(islice(train_stage(request, quick, TrainingBudget(steps=steps), evaluate_every_s=0.0), reports))


@pytest.mark.parametrize("role", STUDENTS)
def test_a_student_starts_as_its_teacher(role: str, logs: Path, out: Path) -> None:
    student = prepared(role, logs, out).network.state_dict()
    teacher = CheckpointSet.open(out).load(TEACHER_OF[role]).state_dict()
    assert student.keys() == teacher.keys()
    assert all(torch.equal(student[name], tensor) for name, tensor in teacher.items())


@pytest.mark.parametrize("role", STUDENTS)
def test_the_network_of_a_video_student_changes_in_its_temporal_layers_alone(role: str, logs: Path, out: Path) -> None:
    train(role, logs, out)
    checkpoints = CheckpointSet.open(out)
    student, teacher = checkpoints.load(role), checkpoints.load(TEACHER_OF[role]).state_dict()
    changed = {name for name, tensor in student.state_dict().items() if not torch.equal(tensor, teacher[name])}
    trained = temporal_names(student) if role in BASE_OF else set(teacher)
    assert changed
    assert changed <= trained
    metadata = read_tensors(checkpoints.path(role))[1]
    assert metadata["teacher_sha256"] == sha256_of(checkpoints.path(TEACHER_OF[role]))


@pytest.mark.parametrize("role", STUDENTS)
def test_each_loss_moves_its_own_parameters_and_never_the_teacher(role: str, logs: Path, out: Path) -> None:
    stage = prepared(role, logs, out)
    groups = stage.parameters()
    teacher = {name: tensor.clone() for name, tensor in stage.teacher.state_dict().items()}
    for term in stage.losses(10_000, 0.0, torch.Generator().manual_seed(0)):
        for named in groups.values():
            for parameter in named.values():
                parameter.grad = None
        term.value.backward()
        moved = {group for group, named in groups.items() if any(p.grad is not None for p in named.values())}
        assert moved == {term.optimizer}
    assert not any(parameter.requires_grad for parameter in stage.teacher.parameters())
    assert all(torch.equal(tensor, teacher[name]) for name, tensor in stage.teacher.state_dict().items())


def lasting(out: Path) -> dict[str, object]:
    """All files but those that hold seconds, and the figures without them."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.name == "metrics.csv":
            found[name] = sorted((step, figure, value) for step, _, figure, value in csv.reader(path.open()))
        elif path.is_file() and path.name not in ("progress.json", "LATEST") and not name.endswith(".lock"):
            found[name] = sha256_of(path)
    return found


def test_an_interrupted_training_ends_as_an_unbroken_one(logs: Path, out: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(out, tmp_path / "whole")
    train("image_few_steps", logs, whole)
    train("image_few_steps", logs, out, reports=2)
    assert len(train("image_few_steps", logs, out)) == 1
    assert lasting(out) == lasting(whole)


def test_the_parameters_with_the_smallest_distance_are_exported(
    logs: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distances, averages = iter([3.0, 1.0, 2.0]), []

    def measured(stage: FewStepsStage) -> float:
        averages.append(stage.network.conv_out.weight.detach().clone())
        return next(distances)

    monkeypatch.setattr(FewStepsStage, "_measured", measured)
    reports = train("image_few_steps", logs, out)
    assert [report.figures["held_out_distance_now"] for report in reports] == [3, 1, 2]
    assert [report.figures["held_out_distance"] for report in reports] == [3, 1, 1]
    exported = CheckpointSet.open(out).load("image_few_steps").conv_out.weight
    assert torch.equal(exported, averages[1].half().float())
    assert not torch.equal(exported, averages[2].half().float())


def test_distances_on_other_held_out_frames_are_not_compared(
    logs: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = prepared("image_few_steps", logs, out)
    distances = iter([1.0, 5.0, 4.0])
    monkeypatch.setattr(stage, "_measured", partial(next, distances))
    stage.keep_best()
    best = stage.network.conv_out.weight.detach().clone()
    with torch.no_grad():
        stage.network.conv_out.weight += 1
    stage._best_measured_on.zero_()  # the best were measured on other frames, where 1 was good
    stage.keep_best()
    assert stage.held_out()["held_out_distance"] == 4.0
    with torch.no_grad():
        stage.network.conv_out.weight += 1
    stage.finish()
    assert torch.equal(stage.network.conv_out.weight, best)


@pytest.mark.parametrize("role", ["prediction_few_steps", "interpolation_few_steps"])
def test_known_frames_are_held_while_it_samples(role: str, logs: Path, out: Path) -> None:
    stage = prepared(role, logs, out)
    generator = torch.Generator().manual_seed(0)
    clean, conditioning = stage._held_out_clips(0, 4, generator)
    with torch.no_grad():
        made = stage._sampled(clean, conditioning, generator)
    mask = conditioning.context.mask
    assert torch.equal(made[mask], clean[mask])
    assert not torch.isclose(made[~mask], clean[~mask]).all(-1).any()


def test_the_guided_teacher_hardly_counts_at_the_highest_level(logs: Path, out: Path) -> None:
    stage = prepared("image_few_steps", logs, out)
    clean, conditioning = stage._held_out_clips(0, 4, torch.Generator().manual_seed(0))

    def anchors(tau: int, **changes: float) -> dict[str, float]:
        stage.config = replace(stage.config, **changes)
        generator = torch.Generator().manual_seed(1)
        _, found = stage._made(clean, conditioning, torch.full((4,), tau), generator)
        return {name: float(error.detach()) for name, error in found.items()}

    low = anchors(249)
    high = anchors(999, teacher_weight=1e6)
    assert high["from_truth"] == 0 < low["from_truth"]
    assert anchors(999, first_teacher_weight=2 * 0.02)["from_teacher"] == pytest.approx(2 * high["from_teacher"])


def test_the_distance_of_clips_sees_what_their_frames_alone_do_not_show(
    logs: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = prepared("prediction_few_steps", logs, out)
    monkeypatch.setattr(stage, "_sampled", lambda clean, *_: clean)
    of_real_clips = stage._measured()
    monkeypatch.setattr(stage, "_sampled", _in_another_order)
    assert stage._measured() > of_real_clips + 1e-3


def _in_another_order(clean: torch.Tensor, conditioning: Conditioning, _: torch.Generator) -> torch.Tensor:
    """The unknown frames of every clip, last one first."""
    made = clean.clone()
    for clip, known in zip(made, known_frames(conditioning, clean), strict=True):
        clip[~known] = clip[~known].flip(0)
    return made


def test_a_student_that_takes_over_is_shown_what_its_teacher_makes_and_has_no_truth_for_it(
    logs: Path, out: Path
) -> None:
    stage, generator = prepared("prediction_few_steps", logs, out), torch.Generator().manual_seed(0)
    clean, conditioning = stage._held_out_clips(0, 4, generator)
    teacher, known = stage._guided_teacher(conditioning), known_frames(conditioning, clean)
    for share in (0.0, 1.0):
        stage.config = replace(stage.config, self_made=share)
        shown, is_true = stage._handed_over(clean, conditioning, teacher, generator)
        same = (shown == clean).flatten(2).all(2)
        assert torch.equal(is_true, torch.full((4,), share == 0))
        assert torch.equal(same, known | is_true[:, None])
        tau = torch.full((4,), 249)
        _, anchors = stage._made(clean, conditioning, tau, generator)
        assert (float(anchors["from_truth"].detach()) > 0) == (share == 0)
