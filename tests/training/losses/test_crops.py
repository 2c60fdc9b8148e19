from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data.clips import FootageTensors, clip_places, draw
from drivesim.data.drive_log import find_drive_logs
from drivesim.data.packed import pack
from drivesim.training.loop.randomness import step_generator
from drivesim.training.losses.crops import CropConfig, draw_crops, inside_boxes, thin_and_bright
from drivesim.training.losses.reconstruction import pixel_loss, psnr_inside_db


@pytest.fixture(scope="module")
def footage(logs: Path, tmp_path_factory: pytest.TempPathFactory):
    return pack(find_drive_logs(logs), tmp_path_factory.mktemp("packed") / "128x256", 128, 256)


def crops(footage, config: CropConfig, count: int = 64):
    tensors, places = FootageTensors(footage, "cpu"), clip_places(footage, "train", 10.0, 2)
    generator = step_generator(0, 0, 0)
    return draw_crops(tensors, draw(places, count, 2, generator), config, generator)


def test_crops_are_cut_out_of_the_frames_at_whole_cells(footage):
    config = CropConfig(side=32, vehicle_share=0.5)
    frames, weights = crops(footage, config, 16)
    assert frames.shape == (16, 2, 3, 32, 32)
    assert weights.shape == (16, 2, 1, 32, 32)
    whole = torch.from_numpy(np.array(footage.frames)).movedim(-1, 1).float() / 127.5 - 1
    blocks = whole.unfold(2, 32, 8).unfold(3, 32, 8)  # n 3 y x 32 32
    blocks = blocks.movedim(1, 3).reshape(-1, 3 * 32 * 32)
    for clip in frames[:4, 0].reshape(-1, 3 * 32 * 32):
        assert (blocks == clip).all(1).any()


def test_a_share_of_one_shows_a_vehicle_in_every_crop_and_its_pixels_weigh_more(footage):
    _, weights = crops(footage, CropConfig(side=64, vehicle_share=1.0, vehicle_weight=5.0, line_weight=1.0))
    assert set(weights.unique().tolist()) == {1.0, 5.0}
    assert (weights[:, 0].amax((1, 2, 3)) == 5.0).all()
    assert (weights[:, 0] == 5.0).float().mean() > 0.2


def test_without_a_share_crops_lie_anywhere_and_without_weights_all_pixels_count_alike(footage):
    plain = CropConfig(side=64, vehicle_share=0.0, vehicle_weight=1.0, line_weight=1.0)
    _, weights = crops(footage, plain)
    assert (weights == 1).all()
    on_vehicles = crops(footage, CropConfig(vehicle_share=1.0, line_weight=1.0))[1].mean()
    anywhere = crops(footage, CropConfig(vehicle_share=0.0, line_weight=1.0))[1].mean()
    assert on_vehicles > anywhere


def test_the_same_generator_draws_the_same_crops(footage):
    first, second = crops(footage, CropConfig()), crops(footage, CropConfig())
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_inside_boxes_covers_the_pixels_of_known_boxes_alone():
    boxes = torch.tensor([[[1.0, 2.0, 3.0, 4.0], [5.0, 0.0, 6.0, 8.0]]])
    inside = inside_boxes(boxes, torch.tensor([[True, False]]), 8, 8)
    expected = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    expected[:, :, 2:4, 1:3] = True
    assert torch.equal(inside, expected)
    partly = inside_boxes(torch.tensor([[[1.5, 2.5, 2.5, 3.5]]]), torch.tensor([[True]]), 8, 8)
    assert torch.equal(partly, expected)


def test_lines_and_lamps_are_thin_and_bright_walls_and_dark_lines_are_not():
    frames = torch.full((1, 1, 3, 32, 64), -0.8)
    frames[..., 10:13, :] = 0.8  # a line
    frames[..., 22:24, 50:52] = 1.0  # a lamp
    frames[..., 18:32, 10:30] = 0.9  # a wall
    marked = thin_and_bright(frames)[0, 0, 0]
    assert (marked[10:13] == 1).all()
    assert (marked[22:24, 50:52] == 1).all()
    assert (marked[18:32, 10:30] == 0).all()
    assert marked.sum() == 3 * 64 + 4
    assert (thin_and_bright(-frames)[..., 10:13, 40:] == 0).all()


def test_weighted_pixel_loss_counts_errors_where_the_weight_is():
    real, made = torch.zeros(1, 1, 3, 4, 4), torch.zeros(1, 1, 3, 4, 4)
    made[..., 0, 0] = 0.5
    ones = torch.ones(1, 1, 1, 4, 4)
    assert pixel_loss(real, made, ones, 2.0) == pytest.approx((0.5 + 2 * 0.25) / 16)
    ones[..., 0, 0] = 4
    assert pixel_loss(real, made, ones, 2.0) == pytest.approx(4 * (0.5 + 2 * 0.25) / 16)


def test_psnr_inside_ignores_what_lies_outside():
    real, made = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    inside = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    inside[..., :2, :2] = True
    made[..., :2, :2] = 0.2
    assert psnr_inside_db(real, made, inside) == pytest.approx(20.0, abs=1e-3)
