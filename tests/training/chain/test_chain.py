"""The chain: planned, trained, skipped, killed and continued, trained on where what it stands on has changed."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.archive.sealed_json import seal, unseal
from drivesim.data.drive_log import split_of
from drivesim.errors import CheckpointError, FootageError, InputError, LockHeldError
from drivesim.locks import OwnedLock
from drivesim.models.checkpoints import LAYOUTS, ROLES, STAGES, VEHICLE_DETECTOR, CheckpointSet, sha256_of
from drivesim.models.checkpoints.files import stage_tensors
from drivesim.models.presets import Preset
from drivesim.models.stages import TEACHER_OF
from drivesim.training.chain import chain as chain_module
from drivesim.training.chain.chain import Chain
from drivesim.training.chain.request import ChainRequest
from drivesim.training.chain.shares import Shares
from drivesim.training.loop.budget import TrainingBudget
from drivesim.training.loop.session import train_stage
from drivesim.training.preparation.settings import latent_settings
from drivesim.training.stages.diffusion import Regime

TRAINED = (*ROLES, VEHICLE_DETECTOR)
FEW = Shares().changed(["interpolation=0", "decoder=0", "upsampler_image=0", "upsampler=0", "vehicle_detector=0"])
"""Stages that follow from each other: autoencoder, image and prediction."""


@pytest.fixture
def chain(quick_stage: type, quick_preset: Preset, logs: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Chain]:
    """Makes chains of quick stages, of one step each if not asked otherwise."""
    monkeypatch.setattr(chain_module, "prepare", lambda request, _: quick_stage(request))
    defaults = ChainRequest(quick_preset, logs, Path(), minutes=100.0, steps=1, evaluate_every_s=0.0)
    return lambda out, **changes: Chain(replace(defaults, checkpoints=out, **changes))


def run(chain: Chain) -> list[tuple[str, int]]:
    """Trains to the end; stage and step of every report."""
    return [(role, report.step) for role, report in chain.run(lambda *_: None)]


def actions(chain: Chain) -> dict[str, str]:
    return {stage.role: stage.action for stage in chain.plan()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def results(folder: Path) -> dict[str, object]:
    """What does not depend on how long anything took: checkpoints, manifest, and the report but for its minutes."""
    report = json.loads((folder / "training" / "report.json").read_text())
    for stage in report["stages"].values():
        stage.pop("minutes", None)
    return {path.name: sha256_of(path) for path in folder.glob("*.*")} | {"report": report}


def test_the_plan_names_every_stage_its_minutes_and_its_footage_and_writes_nothing(chain, tmp_path: Path) -> None:
    plan = chain(tmp_path / "out").plan()
    assert [stage.role for stage in plan] == list(STAGES)
    left_out = {stage.role: stage.reason for stage in plan if stage.action == "leave out"}
    assert left_out == dict.fromkeys(TEACHER_OF, "its share is 0")
    made = [stage for stage in plan if stage.role not in left_out]
    assert {stage.action for stage in made if stage.role != LAYOUTS} == {"train"}
    assert {stage.reason for stage in made if stage.role != LAYOUTS} == {"starts from nothing"}
    assert sum(stage.minutes for stage in plan) == pytest.approx(100)
    assert all("frames of 12 logs at" in stage.footage and not stage.missing for stage in made)
    assert not (tmp_path / "out").exists()


def test_the_chain_leaves_a_whole_set_and_a_report_with_the_number_of_samples(chain, tmp_path: Path) -> None:
    assert run(chain(tmp_path)) == [(role, 1) for role in TRAINED]
    published = CheckpointSet.open(tmp_path)
    assert set(published.sha256) == set(STAGES) - set(TEACHER_OF)
    for role in TRAINED:
        published.load(role)
    published.load_layouts()
    report = json.loads((tmp_path / "training" / "report.json").read_text())
    assert {role: stage["sha256"] for role, stage in report["stages"].items()} == published.sha256
    for role in TRAINED:
        stage = report["stages"][role]
        assert (stage["steps"], stage["samples"]) == (1, 3)
        assert np.isfinite(stage["held_out"]["loss"])
        assert f"| {role} | 1 | " in (tmp_path / "training" / "report.md").read_text()


def test_a_finished_chain_is_left_alone(chain, tmp_path: Path) -> None:
    run(chain(tmp_path))
    before = contents(tmp_path)
    assert set(actions(chain(tmp_path)).values()) == {"skip"}
    assert run(chain(tmp_path)) == []
    assert contents(tmp_path) == before


def test_an_interrupted_chain_continues_where_it_stopped(chain, tmp_path: Path) -> None:
    run(chain(tmp_path / "whole", steps=2))
    reports = chain(tmp_path / "parts", steps=2).run(lambda *_: None)
    begun = [next(reports) for _ in range(3)]  # the autoencoder, and one step of the image stage
    reports.close()
    assert [(role, report.step) for role, report in begun] == [("autoencoder", 1), ("autoencoder", 2), ("image", 1)]
    planned = actions(chain(tmp_path / "parts", steps=2))
    assert [planned[role] for role in ("autoencoder", "image", "prediction")] == ["skip", "continue", "train"]
    assert run(chain(tmp_path / "parts", steps=2))[:2] == [("image", 2), ("prediction", 1)]
    assert results(tmp_path / "parts") == results(tmp_path / "whole")


def test_killed_at_any_time_it_ends_with_the_same_checkpoints(chain, folder: Path, killed_at: Callable) -> None:
    """At every 29th file operation; those of one stage are tested one by one elsewhere."""
    torch.set_num_threads(1)
    run(chain(folder / "whole", shares=FEW))
    expected, number = results(folder / "whole"), 0
    while killed_at(lambda: run(chain(folder / "out", shares=FEW)), 29 * number):
        run(chain(folder / "out", shares=FEW))
        assert results(folder / "out") == expected, f"killed at file operation {29 * number}"
        before = contents(folder / "out")
        assert run(chain(folder / "out", shares=FEW)) == []
        assert contents(folder / "out") == before
        shutil.rmtree(folder / "out")
        number += 1
    assert number > 5


def test_what_stands_on_a_changed_stage_is_trained_on_from_its_weights(
    chain, tmp_path: Path, quick_stage: type, caplog: pytest.LogCaptureFixture
) -> None:
    run(chain(tmp_path, shares=FEW))
    image = replace(chain(tmp_path).stage_request("image"), footage=None)
    assert len(list(train_stage(image, partial(quick_stage, image), TrainingBudget(6000.0, 2)))) == 1
    plan = {stage.role: stage for stage in chain(tmp_path, shares=FEW).plan()}
    assert (plan["autoencoder"].action, plan["image"].action) == ("skip", "skip")
    assert plan["prediction"].action == "train on"
    assert plan["prediction"].reason == "image changed since step 1; its weights are kept"
    with caplog.at_level(logging.WARNING):
        assert run(chain(tmp_path, shares=FEW)) == [("prediction", 2)]
    assert "prediction: step 1: image changed since" in caplog.text
    CheckpointSet.open(tmp_path).load("prediction")
    assert set(actions(chain(tmp_path, shares=FEW)).values()) == {"skip", "leave out"}


def test_what_stands_on_a_stage_that_gets_more_time_is_trained_on(chain, tmp_path: Path) -> None:
    run(chain(tmp_path, shares=FEW))
    shutil.rmtree(tmp_path / "training" / "image")  # whose weights are in its checkpoint
    plan = {stage.role: stage for stage in chain(tmp_path, shares=FEW).plan()}
    assert plan["image"].reason == f"starts from the weights in {tmp_path}"
    assert plan["prediction"].reason == "image will have changed; its weights are kept"
    assert run(chain(tmp_path, shares=FEW)) == [("image", 1), ("prediction", 2)]


def copied(logs: Path, data: Path) -> Path:
    """The drive logs without what was packed of them."""
    return shutil.copytree(logs, data, ignore=shutil.ignore_patterns(".packed"))


def test_other_footage_begins_another_round(chain, logs: Path, tmp_path: Path) -> None:
    """Where the chain was finished, any change does; where it was not, only the loss of what it began with."""
    data, out = copied(logs, tmp_path / "data"), tmp_path / "out"
    run(chain(out, data=data, shares=FEW))
    shutil.copytree(data / "clips", data / "more")
    plan = {stage.role: stage for stage in chain(out, data=data, shares=FEW).plan()}
    assert plan["autoencoder"].reason == "footage changed since step 1; its weights are kept"
    reports = chain(out, data=data, shares=FEW).run(lambda *_: None)
    assert next(reports)[1].step == 2
    reports.close()
    shutil.copytree(data / "clips", data / "even_more")
    planned = actions(chain(out, data=data, shares=FEW))
    assert (planned["autoencoder"], planned["image"]) == ("skip", "train on")
    shutil.rmtree(data / "more")
    assert actions(chain(out, data=data, shares=FEW))["autoencoder"] == "train on"
    assert run(chain(out, data=data, shares=FEW)) == [("autoencoder", 3), ("image", 2), ("prediction", 2)]
    assert run(chain(out, data=data, shares=FEW)) == []


def test_packing_and_moving_the_footage_change_nothing(chain, logs: Path, tmp_path: Path) -> None:
    data, out = copied(logs, tmp_path / "data"), tmp_path / "out"
    run(chain(out, data=data, shares=FEW))
    shutil.rmtree(data / ".packed")
    data.rename(tmp_path / "elsewhere")
    assert set(actions(chain(out, data=tmp_path / "elsewhere", shares=FEW)).values()) == {"skip", "leave out"}


def test_a_second_chain_is_refused_and_told_who_trains(chain, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    with OwnedLock.acquire(tmp_path / "training" / "chain.lock"), pytest.raises(LockHeldError, match="by process"):
        run(chain(tmp_path))
    run(chain(tmp_path, shares=FEW))


def test_missing_footage_is_named_before_anything_is_trained(chain, logs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(logs / "clips", data)
    plan = {stage.role: stage for stage in chain(tmp_path / "out", data=data).plan()}
    missing = plan["interpolation"].missing
    assert missing == (
        "training clips of 5 frames at 40 frames per second at 32x64",
        "held-out clips of 5 frames at 40 frames per second at 32x64",
    )
    assert not plan["prediction"].missing
    with pytest.raises(FootageError, match=r"40 frames per second at 32x64 \(for interpolation\).*--share STAGE=0"):
        run(chain(tmp_path / "out", data=data))
    assert not list((tmp_path / "out").glob("*.safetensors"))
    without = FEW.changed(["vehicle_detector=0.1"])
    assert [role for role, _ in run(chain(tmp_path / "out", data=data, shares=without))][-1] == VEHICLE_DETECTOR


def test_a_stage_is_trained_on_the_clips_that_there_are_if_that_is_asked_for(chain, logs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(logs / "clips", data)
    asked = chain(tmp_path / "out", data=data, skip_missing_clips=True)
    assert not any(stage.missing for stage in asked.plan())
    assert asked.stage_request("interpolation").clips == ((10.0, 5),)
    assert asked.stage_request("prediction").clips == ((2.5, 8),)
    assert latent_settings(asked.stage_request("interpolation")).regimes == (Regime(10.0, 5, 0),)


def test_held_out_recordings_may_be_named(chain, logs: Path, tmp_path: Path) -> None:
    names = {path.name for path in (logs / "clips").iterdir() if path.is_dir()}
    one = next(name for name in sorted(names) if split_of(name) == "train")
    assert not chain(tmp_path, held_out=frozenset({one})).plan()[0].missing
    assert chain(tmp_path, held_out=frozenset({"another"})).plan()[0].missing == ("held-out frames at 32x64",)
    assert chain(tmp_path, held_out=frozenset(names)).plan()[0].missing == ("training frames at 32x64",)


def test_a_stage_that_is_left_out_keeps_its_weights_on_what_was_trained_below_it(chain, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    run(chain(first, shares=FEW))
    without = partial(chain, second, initial=first, shares=FEW.changed(["prediction=0"]))
    plan = {stage.role: stage for stage in without().plan()}
    assert plan["prediction"].action == "keep"
    assert plan["prediction"].reason == f"its share is 0; its weights in {first} are kept"
    assert plan["decoder"].action == "leave out"  # there is none to be kept
    assert run(without()) == [("autoencoder", 1), ("image", 1)]
    assert sha256_of(second / "image.safetensors") != sha256_of(first / "image.safetensors")
    before, after = (stage_tensors(folder / "prediction.safetensors", "prediction") for folder in (first, second))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    CheckpointSet.open(second).load("prediction")
    assert set(actions(without()).values()) == {"skip", "leave out"}
    assert run(without()) == []


def test_held_out_logs_are_missed_too(chain, logs: Path, tmp_path: Path) -> None:
    for log in logs.glob("*/log_*"):
        if split_of(log.name) == "train":
            shutil.copytree(log, tmp_path / "data" / log.parent.name / log.name)
    (stage, *_) = chain(tmp_path / "out", data=tmp_path / "data").plan()
    assert stage.missing == ("held-out frames at 32x64",)


def test_an_empty_folder_holds_no_footage(chain, tmp_path: Path) -> None:
    for data in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FootageError, match="there are no training frames at 32x64"):
            run(chain(tmp_path / "out", data=data))


def test_new_stages_start_from_the_folder_that_is_asked_for(chain, tmp_path: Path) -> None:
    run(chain(tmp_path / "first", shares=FEW))
    request = chain(tmp_path / "second", initial=tmp_path / "first").stage_request("image")
    assert request.initial == tmp_path / "first"
    assert chain(tmp_path / "second", initial=tmp_path / "first").stage_request("decoder").initial is None
    run(chain(tmp_path / "second", initial=tmp_path / "first", shares=FEW))
    # Later runs know that it did not start from nothing, without being told.
    assert chain(tmp_path / "second").stage_request("image").initial == tmp_path / "second"
    assert chain(tmp_path / "first").stage_request("image").initial is None


def test_a_checkpoint_of_other_sizes_starts_nothing_and_the_plan_says_so(
    chain, quick_preset: Preset, tmp_path: Path
) -> None:
    run(chain(tmp_path / "first", shares=FEW))
    wider = replace(quick_preset, autoencoder=replace(quick_preset.autoencoder, base_channels=24))
    second = chain(tmp_path / "second", initial=tmp_path / "first", preset=wider, shares=FEW)
    starts = {stage.role: stage.reason for stage in second.plan() if stage.role in ("autoencoder", "image")}
    assert starts == {
        "autoencoder": f"starts from nothing: the checkpoint in {tmp_path / 'first'} has other sizes",
        "image": f"starts from the weights in {tmp_path / 'first'}",
    }
    run(second)
    assert CheckpointSet.open(tmp_path / "second").preset == wider


@pytest.mark.parametrize("earlier_version", [False, True])
def test_a_chain_trains_on_where_the_decoder_alone_was_trained(
    chain, quick_stage: type, tmp_path: Path, earlier_version: bool
) -> None:
    run(chain(tmp_path / "first", shares=FEW))
    out = tmp_path / "second"
    request = replace(
        chain(out).stage_request("autoencoder"), initial=tmp_path / "first", keep_encoder=True, footage=None
    )
    list(train_stage(request, lambda: quick_stage(request), TrainingBudget(steps=2)))
    exported = sha256_of(out / "autoencoder.safetensors")
    if earlier_version:  # it did not record which parameters were trained
        (record,) = (out / "training" / "autoencoder").glob("*/progress.json")
        content = unseal(record.read_bytes())
        del content["foundations"]["trained parameters"]
        record.write_bytes(seal(content))
    later = chain(out, shares=FEW, steps=3)
    plan = later.plan()[0]
    assert plan.action == ("continue" if earlier_version else "train on")
    assert earlier_version or "trained parameters changed since step 2" in plan.reason
    steps = [step for role, step in run(later) if role == "autoencoder"]
    assert steps == [3, 4, 5]
    assert sha256_of(out / "autoencoder.safetensors") != exported
    assert run(chain(out, shares=FEW, steps=3)) == []


def test_a_folder_without_checkpoints_is_nothing_to_start_from(chain, tmp_path: Path) -> None:
    for initial in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="no checkpoints here that new stages could start from"):
            chain(tmp_path / "out", initial=initial).plan()


def test_a_folder_with_a_set_of_another_preset_is_refused(chain, quick_preset: Preset, tmp_path: Path) -> None:
    run(chain(tmp_path, shares=FEW))
    with pytest.raises(InputError, match="holds checkpoints of preset"):
        chain(tmp_path, preset=replace(quick_preset, name="another")).plan()


def test_a_report_that_was_removed_is_written_again(chain, tmp_path: Path) -> None:
    run(chain(tmp_path, shares=FEW))
    report = tmp_path / "training" / "report.md"
    before = report.read_bytes()
    report.unlink()
    assert run(chain(tmp_path, shares=FEW)) == []
    assert report.read_bytes() == before


def test_a_damaged_record_of_the_chain_is_one_line(chain, tmp_path: Path) -> None:
    run(chain(tmp_path, shares=FEW))
    record = tmp_path / "training" / "chain.json"
    record.write_bytes(record.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(CheckpointError, match="record of the chain is damaged") as caught:
        chain(tmp_path).plan()
    assert "\n" not in str(caught.value)
