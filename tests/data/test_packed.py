"""Packed footage holds the frames and labels of its logs; clips never leave a log or a split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.clips import FootageTensors, clip_places, draw
from drivesim.data.columns import MAX_BOXES
from drivesim.data.drive_log import DriveLog, find_drive_logs, split_of
from drivesim.data.drive_log_labels import VehicleLabel
from drivesim.data.packed import PackedFootage, pack
from drivesim.data.vehicle_labels import PADDING, vehicle_labels
from drivesim.errors import FootageError

WriteLog = Callable[..., Path]


def _vehicle(track: int, box: tuple[float, ...], visible: float = 1.0, distance_m: float = 10.0) -> VehicleLabel:
    return VehicleLabel(track, "bus", box, box, distance_m, visible)


def _packed(root: Path) -> PackedFootage:
    return pack(find_drive_logs(root), root / ".packed" / "32x64", 32, 64)


def test_frames_and_labels_are_those_of_the_logs(tmp_path: Path, write_log: WriteLog) -> None:
    write_log(tmp_path, "b", 10.0, 3, (_vehicle(1, (64, 0, 128, 32)),))
    write_log(tmp_path, "a", 10.0, 2)
    footage = _packed(tmp_path)
    assert footage.log_names.tolist() == ["a", "b"]
    assert footage.frames.shape == (5, 32, 64, 3)
    expected = DriveLog.open(tmp_path / "b").read(2, 3)[0, ::2, ::2]
    assert np.abs(footage.frames[4].astype(int) - expected).max() <= 2
    assert footage.columns.ego_motion[4].tolist() == pytest.approx([7.0, 0.1])
    assert footage.columns.boxes[4, 0].tolist() == [0.5, 0.0, 1.0, 0.5]
    assert footage.columns.category[4].tolist() == [3] + [-1] * (MAX_BOXES - 1)
    assert footage.columns.crowdedness.tolist() == [0, 0, 1, 1, 1]
    assert (footage.columns.time_of_day == 1).all()


def test_only_vehicles_that_can_be_seen_are_asked_for_nearest_first(tmp_path: Path, write_log: WriteLog) -> None:
    near, far = _vehicle(1, (10, 10, 40, 30), distance_m=5.0), _vehicle(2, (50, 10, 70, 30), distance_m=9.0)
    tiny_one, hidden = _vehicle(3, (80, 10, 82, 11)), _vehicle(4, (80, 20, 100, 40), visible=0.1)
    cut_off = _vehicle(5, (100, 10, 128, 40), visible=0.1, distance_m=20.0)
    write_log(tmp_path, "a", 10.0, 1, (far, tiny_one, hidden, near, cut_off))
    columns = _packed(tmp_path).columns
    assert (columns.boxes[0, :3, 0] * 128).tolist() == [10.0, 50.0, 100.0]
    assert (columns.category[0] >= 0).sum() == 3


def test_packing_again_opens_what_is_there_and_notices_new_logs(
    tmp_path: Path, write_log: WriteLog, tree: Callable
) -> None:
    write_log(tmp_path, "a", 10.0, 2)
    before = tree(_packed(tmp_path).folder)
    assert tree(_packed(tmp_path).folder) == before
    write_log(tmp_path, "b", 10.0, 2)
    assert len(_packed(tmp_path).frames) == 4
    assert before.items() < tree(tmp_path / ".packed" / "32x64").items()


def test_nothing_to_pack_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="drivesim record"):
        pack([], tmp_path / "p", 32, 64)


def test_clips_keep_their_rate_within_one_log(tmp_path: Path, write_log: WriteLog) -> None:
    names = [f"log_{i:03d}" for i in range(60)]
    for i, name in enumerate(names[:30] + [n for n in names[30:] if split_of(n) == "held_out"]):
        write_log(tmp_path, name, 20.0 if i % 2 else 10.0, 9 if i % 2 else 5)
    footage = _packed(tmp_path)
    places = clip_places(footage, "train", 10.0, 4)
    index = draw(places, 200, 4, torch.Generator().manual_seed(0)).numpy()
    log = np.searchsorted(footage.log_start, index, side="right") - 1
    assert (log == log[:, :1]).all()
    assert all(split_of(str(footage.log_names[i])) == "train" for i in np.unique(log))
    stride = np.diff(index, axis=1)
    assert (stride == np.where(footage.log_fps[log[:, :1]] == 20, 2, 1)).all()
    with pytest.raises(FootageError, match="40 frames per second"):
        clip_places(footage, "train", 40.0, 4)


def test_crops_are_cut_from_the_frames(tmp_path: Path, write_log: WriteLog) -> None:
    write_log(tmp_path, "a", 10.0, 3)
    tensors = FootageTensors(_packed(tmp_path), "cpu")
    index = torch.tensor([[0, 1], [1, 2]])
    whole = tensors.frames(index)
    crop = tensors.frames(index, (torch.tensor([0, 8]), torch.tensor([16, 0]), 16))
    assert torch.equal(crop[1], whole[1, :, :, 8:24, :16])
    assert whole.min() >= -1
    assert whole.max() <= 1


def test_footage_grows_by_shards_that_arrive(tmp_path: Path, write_log: WriteLog) -> None:
    write_log(tmp_path, "b", 10.0, 3, (_vehicle(1, (64, 0, 128, 32)),))
    before = _packed(tmp_path)
    assert before.refreshed() is before
    tensors = FootageTensors(before, "cpu")
    write_log(tmp_path, "a", 10.0, 2)
    _packed(tmp_path)
    grown = before.refreshed()
    assert grown.log_names.tolist() == ["b", "a"]
    assert grown.log_start.tolist() == [0, 3]
    tensors.grow(grown)
    index = torch.tensor([[2, 4]])
    assert tensors.frames(index).mean((2, 3, 4)).diff().item() == pytest.approx(-10 / 127.5, abs=0.02)
    assert tensors.conditioning(index).crowdedness.tolist() == [1]
    assert tensors.conditioning(index[:, 1:]).crowdedness.tolist() == [0]


def test_frames_on_another_device_are_those_of_the_files(tmp_path: Path, write_log: WriteLog) -> None:
    """The device is torch's CPU under its full name, which is held in memory as a GPU's frames are."""
    write_log(tmp_path, "b", 10.0, 3)
    footage = _packed(tmp_path)
    mapped, held = FootageTensors(footage, "cpu"), FootageTensors(footage, "cpu:0")
    write_log(tmp_path, "a", 10.0, 2)
    grown = footage.refreshed() if _packed(tmp_path) else footage
    mapped.grow(grown)
    held.grow(grown)
    index, crop = torch.tensor([[0, 4], [3, 1]]), (torch.tensor([0, 8]), torch.tensor([16, 0]), 16)
    assert torch.equal(mapped.frames(index), held.frames(index))
    assert torch.equal(mapped.frames(index, crop), held.frames(index, crop))


def test_all_labelled_vehicles_are_there_for_a_detector(tmp_path: Path, write_log: WriteLog) -> None:
    near, hidden = _vehicle(1, (10, 10, 40, 30), distance_m=5.0), _vehicle(2, (80, 20, 100, 40), visible=0.1)
    write_log(tmp_path, "a", 10.0, 1, (hidden, near))
    write_log(tmp_path, "b", 10.0, 1)
    footage = _packed(tmp_path)
    labels = vehicle_labels(footage)
    assert labels.counts.tolist() == [[False, True], [False, False]]
    assert labels.category.tolist() == [[3, 3], [PADDING, PADDING]]
    assert (labels.xyxy[0, 1] * [128, 64, 128, 64]).tolist() == pytest.approx([10, 10, 40, 30])
    assert labels.truth(1).category.tolist() == []
    assert footage.vehicles.distance_m.tolist() == [10.0, 5.0]
    assert footage.vehicles.track_id.tolist() == [2, 1]
    assert footage.vehicles.visible_fraction.tolist() == [0.1, 1.0]
