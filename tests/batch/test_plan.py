from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from drivesim.batch.plan import BatchOptions, BatchPlan, plan_batch
from drivesim.errors import CheckpointError, InputError, ScenarioError

SCENARIO = "format: 1\nname: {name}\nseed: 4\nduration_s: 0.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scenarios `a` and `b`, and a copy of `a` deeper down."""
    root = tmp_path / "scenarios"
    (root / "deeper").mkdir(parents=True)
    for name, file in (("a", "a.yaml"), ("b", "b.yml"), ("a", "deeper/copy.yaml")):
        (root / file).write_text(SCENARIO.format(name=name))
    (root / "notes.txt").write_text("no scenario")
    return root


@pytest.fixture
def options(tmp_path: Path, tiny_checkpoints: Path) -> BatchOptions:
    return BatchOptions(tmp_path / "out", tiny_checkpoints)


def described(plan: BatchPlan) -> list[tuple[str, int]]:
    return [(job.rollout.scenario.name, job.rollout.seed) for job in plan.jobs]


def test_folders_files_and_seeds_become_jobs_and_a_content_is_one_job(folder: Path, options: BatchOptions) -> None:
    plan = plan_batch([folder, folder / "a.yaml"], options)
    assert described(plan) == [("a", 4), ("b", 4)]
    assert plan.num_futures == 4
    plan = plan_batch([folder / "a.yaml"], replace(options, seeds=(7, 8), num_seeds=2, futures=3))
    assert described(plan) == [("a", 7), ("a", 8), ("a", 9)]
    assert plan.num_futures == 9


def test_an_id_follows_from_the_content_alone(folder: Path, options: BatchOptions, tmp_path: Path) -> None:
    ids = [job.id for job in plan_batch([folder], options).jobs]
    moved = shutil.move(folder, tmp_path / "moved")
    assert [job.id for job in plan_batch([moved], replace(options, out=tmp_path / "new")).jobs] == ids
    changes = ({"futures": 5}, {"seeds": (5,)}, {"preset": "quality"}, {"threads": 2}, {"device": "cuda"})
    others = {job.id for change in changes for job in plan_batch([moved], replace(options, **change)).jobs}
    assert len(others) == 10
    assert others.isdisjoint(ids)


def test_every_wrong_file_is_named_before_anything_starts(folder: Path, options: BatchOptions) -> None:
    (folder / "c.yaml").write_text("format: 1\nname: c\nlanes: 3\n")
    (folder / "d.yaml").write_text("format: 2\nname: d\n")
    with pytest.raises(ScenarioError) as caught:
        plan_batch([folder], options)
    for file in ("c.yaml:3:1", "d.yaml:1:"):
        assert file in str(caught.value)
    assert not options.out.exists()


def test_what_cannot_be_planned_is_an_input_error(options: BatchOptions, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no scenario files"):
        plan_batch([tmp_path / "empty"], options)
    with pytest.raises(InputError, match="absent"):
        plan_batch([tmp_path / "absent.yaml"], options)
    with pytest.raises(InputError, match="beyond 2"):
        plan_batch([folder], replace(options, seeds=(2**63 - 2,), num_seeds=3))
    with pytest.raises(CheckpointError):
        plan_batch([folder], replace(options, checkpoints=tmp_path))


def test_a_changed_checkpoint_is_refused(folder: Path, options: BatchOptions, tmp_path: Path) -> None:
    changed = tmp_path / "checkpoints"
    shutil.copytree(options.checkpoints, changed)
    content = bytearray((changed / "decoder.safetensors").read_bytes())
    content[-1] ^= 1
    (changed / "decoder.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="decoder"):
        plan_batch([folder], replace(options, checkpoints=changed))


def test_the_gate_is_for_scenarios_with_boxes(
    folder: Path, options: BatchOptions, tiny_checkpoints_with_detector: Path
) -> None:
    (folder / "b.yml").write_text(
        SCENARIO.format(name="b") + "boxes:\n  - {category: car, xyxy: [400, 260, 520, 340]}\n"
    )
    with pytest.raises(CheckpointError, match="drivesim train vehicle_detector"):
        plan_batch([folder], replace(options, gate=3))
    options = replace(options, checkpoints=tiny_checkpoints_with_detector)
    plain, gated = plan_batch([folder], options).jobs, plan_batch([folder], replace(options, gate=3)).jobs
    assert [job.rollout.gate for job in gated] == [1, 3]
    assert gated[0] == plain[0]
    assert gated[1].id != plain[1].id
    assert not options.out.exists()


def test_every_case_of_a_sweep_is_a_job(folder: Path, options: BatchOptions) -> None:
    swept = folder / "swept.yaml"
    swept.write_text(
        SCENARIO.format(name="swept") + "sweep: {method: grid, vary: {crowdedness: {choice: [1, 2, 3]}}}\n"
    )
    plan = plan_batch([swept], options)
    assert [(job.rollout.scenario.name, job.rollout.scenario.crowdedness) for job in plan.jobs] == [
        ("swept_0000", 1),
        ("swept_0001", 2),
        ("swept_0002", 3),
    ]
