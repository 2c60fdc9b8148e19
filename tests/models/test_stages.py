"""The table of stages, and the sets and trainings of versions that called the vehicle detector by another name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivesim.assets import default_checkpoints
from drivesim.models.checkpoints import CheckpointSet, build, publish_checkpoint, save_checkpoint, write_manifest
from drivesim.models.checkpoints.files import checkpoint_content
from drivesim.models.presets import Preset, demo, tiny
from drivesim.models.stages import (
    BASE_OF,
    GUIDE,
    LAYOUTS,
    STAGES,
    STUDENT_OF,
    TEACHER_OF,
    VEHICLE_DETECTOR,
    current_name,
    training_folder,
)


def test_stages_stand_on_stages_before_them() -> None:
    for number, stage in enumerate(STAGES.values()):
        assert set(stage.foundations) <= set(list(STAGES)[:number])
        assert stage.base is None or stage.base in stage.foundations


def test_shares_add_up_to_the_whole_time_and_only_students_guide_and_layouts_take_none() -> None:
    assert sum(stage.share for stage in STAGES.values()) == pytest.approx(1)
    assert {role for role, stage in STAGES.items() if not stage.share} == {*TEACHER_OF, GUIDE, LAYOUTS}


def test_a_student_stands_on_its_teacher_and_has_its_network_and_number_of_steps(preset: Preset) -> None:
    for role, stage in STAGES.items():
        assert (stage.student_of is None) == (stage.num_steps is None)
        if stage.student_of is not None:
            assert stage.optional
            assert stage.student_of in stage.foundations
            assert stage.base == STAGES[stage.student_of].base
            assert preset.config_of(role) == preset.config_of(stage.student_of)


def test_the_guide_is_the_image_stage_with_half_the_channels(preset: Preset) -> None:
    image, guide = preset.config_of("image"), preset.config_of(GUIDE)
    assert guide == replace(image, base_channels=image.base_channels // 2)


def test_every_stage_but_the_layouts_has_a_network(preset: Preset) -> None:
    with torch.device("meta"):
        networks = {role: build(role, preset) for role in STAGES if role != LAYOUTS}
    assert all(network.config == preset.config_of(role) for role, network in networks.items())
    with pytest.raises(ValueError, match="layouts"):
        build(LAYOUTS, preset)


def test_the_table_needs_no_torch() -> None:
    code = "import sys, drivesim.models.stages; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def earlier(tiny_checkpoints: Path, tmp_path: Path) -> Path:
    """A set whose manifest and checkpoint call the vehicle detector by its former name."""
    folder = shutil.copytree(tiny_checkpoints, tmp_path / "earlier")
    torch.manual_seed(0)
    save_checkpoint(folder / "vehicle_detector.safetensors", build(VEHICLE_DETECTOR, tiny()), VEHICLE_DETECTOR)
    header = (folder / "vehicle_detector.safetensors").read_bytes()
    assert header.count(b'"role":"vehicle_detector"') == 1
    old = header.replace(b'"role":"vehicle_detector"', b'"role":"reader"          ')
    (folder / "reader.safetensors").write_bytes(old)
    (folder / "vehicle_detector.safetensors").unlink()
    write_manifest(folder, tiny())
    content = json.loads((folder / "manifest.json").read_text())
    for part in (content["preset"], content["sha256"]):
        part["reader"] = part.pop("vehicle_detector")
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def test_a_set_of_an_earlier_version_opens_and_loads(earlier: Path) -> None:
    opened = CheckpointSet.open(earlier)
    opened.verify_all()
    assert opened.preset == tiny()
    assert VEHICLE_DETECTOR in opened.roles
    torch.manual_seed(0)
    expected = build(VEHICLE_DETECTOR, tiny()).state_dict()
    for name, tensor in opened.load(VEHICLE_DETECTOR).state_dict().items():
        assert torch.equal(tensor, expected[name].half().float()), name


def test_archives_keep_the_former_name(earlier: Path) -> None:
    opened = CheckpointSet.open(earlier)
    assert opened.digests(["image", VEHICLE_DETECTOR]) == {
        "image": opened.sha256["image"],
        "reader": opened.sha256[VEHICLE_DETECTOR],
    }


def test_a_new_vehicle_detector_replaces_the_one_of_an_earlier_version(earlier: Path) -> None:
    torch.manual_seed(1)
    network = build(VEHICLE_DETECTOR, tiny())
    published = publish_checkpoint(earlier, tiny(), VEHICLE_DETECTOR, network)
    assert not (earlier / "reader.safetensors").exists()
    assert published == CheckpointSet.open(earlier)
    published.verify_all()
    header, data = checkpoint_content(earlier, network, VEHICLE_DETECTOR, None)
    assert published.path(VEHICLE_DETECTOR).read_bytes() == header + bytes(data)


def test_other_stages_are_published_beside_the_vehicle_detector_of_an_earlier_version(earlier: Path) -> None:
    before = CheckpointSet.open(earlier)
    published = publish_checkpoint(earlier, tiny(), "image", build("image", tiny()))
    assert published.sha256[VEHICLE_DETECTOR] == before.sha256[VEHICLE_DETECTOR]
    published.load(VEHICLE_DETECTOR)


def test_a_training_of_an_earlier_version_is_found_in_its_folder(tmp_path: Path) -> None:
    assert training_folder(tmp_path, VEHICLE_DETECTOR) == tmp_path / "training" / "vehicle_detector"
    (tmp_path / "training" / "reader").mkdir(parents=True)
    assert training_folder(tmp_path, VEHICLE_DETECTOR) == tmp_path / "training" / "reader"
    assert [current_name(name) for name in ("reader", "image")] == [VEHICLE_DETECTOR, "image"]


def test_the_set_that_ships_opens_and_its_vehicle_detector_loads() -> None:
    shipped = CheckpointSet.open(default_checkpoints())
    assert set(STAGES) - {GUIDE, *TEACHER_OF} <= set(shipped.sha256) <= set(STAGES)
    assert shipped.preset == demo()
    assert all(shipped.student_of(teacher) == student for teacher, student in STUDENT_OF.items())
    assert 0 < float(shipped.load(VEHICLE_DETECTOR).threshold) < 1
    assert len(shipped.load_layouts().crowdedness) > 100
    assert set(BASE_OF.values()) <= set(shipped.roles)
