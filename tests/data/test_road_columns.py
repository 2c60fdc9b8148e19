"""Roads, headings and colours survive logs, shards and columns; what older files do not say is unknown."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.archive.sealed_json import seal, unseal
from drivesim.data.clips import FootageTensors
from drivesim.data.drive_log_labels import (
    DriveLogLabels,
    FrameLabel,
    RoadElement,
    VehicleLabel,
    read_labels,
    write_labels,
)
from drivesim.data.packed import PackedFootage
from drivesim.data.road_columns import RoadColumns
from drivesim.data.shards.shard import IDENTITY_FILE, LABELS_FILE, Shard
from drivesim.data.shards.shard_writer import ShardWriter
from drivesim.models.road_raster import draw_road
from drivesim.scenario.schema.vocabulary import COLOURS, ROAD_KINDS

LINE = RoadElement("lane_line", ((10.0, 20.0), (30.0, 64.0), (31.0, 63.0)))
AREA = RoadElement("drivable_area", ((0.0, 64.0), (64.0, 32.0), (128.0, 64.0)))
BOX = (10.0, 10.0, 60.0, 50.0)
HEADER = DriveLogLabels(source="test", fps=10.0, width=128, height=64)


def frame(road: tuple[RoadElement, ...] | None, **vehicle: object) -> FrameLabel:
    return FrameLabel(0.0, 5.0, 0.0, (VehicleLabel(1, "car", BOX, BOX, 9.0, 1.0, **vehicle),), road)


FRAMES = (frame((LINE, AREA), heading_rad=-2.5, colour="green"), frame(None), frame(()), frame((AREA,)))


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    folder = tmp_path / "shard"
    folder.mkdir()
    writer = ShardWriter(folder, 32, 64)
    with writer.log("world_00000001", HEADER) as add:
        for label in FRAMES:
            add(np.zeros((32, 64, 3), np.uint8), label)
    writer.finish(recording={})
    return Shard.open(folder)


def test_roads_come_back_from_columns_to_a_fraction_of_a_pixel() -> None:
    columns = RoadColumns.joined([RoadColumns.of(FRAMES[:1], 128, 64), RoadColumns.of(FRAMES[1:], 128, 64)])
    view = columns.view(0)
    assert view is not None
    assert [ROAD_KINDS[kind] for kind, _ in view.elements] == ["lane_line", "drivable_area"]
    for (_, points), element in zip(view.elements, (LINE, AREA), strict=True):
        np.testing.assert_allclose(points * (128, 64), element.points, atol=0.01)
    assert columns.view(1) is None
    empty = columns.view(2)
    assert empty is not None
    assert len(empty) == 0
    assert columns.view(3).length.tolist() == [3]


def test_labels_come_back_from_their_file_and_version_1_is_read_as_unknown(tmp_path: Path) -> None:
    labels = HEADER.with_frames(FRAMES)
    write_labels(labels, tmp_path)
    assert read_labels(tmp_path) == labels
    content = json.loads((tmp_path / "labels.json").read_text())
    assert content["format"] == 3
    content["format"] = 1
    for label in content["frames"]:
        del label["road"]
        for vehicle in label["vehicles"]:
            del vehicle["heading_rad"], vehicle["colour"]
    (tmp_path / "labels.json").write_text(json.dumps(content))
    older = read_labels(tmp_path).frames[0]
    assert (older.road, older.vehicles[0].heading_rad, older.vehicles[0].colour) == (None, None, None)


def test_a_shard_keeps_roads_headings_and_colours(shard: Shard) -> None:
    assert shard.roads.count.tolist() == [2, -1, 0, 1]
    np.testing.assert_allclose(shard.vehicles.heading_rad, [-2.5, np.nan, np.nan, np.nan])
    assert shard.vehicles.colour.tolist() == [COLOURS.index("green"), -1, -1, -1]


def test_a_shard_of_version_2_is_read_with_these_unknown(shard: Shard) -> None:
    with np.load(shard.folder / LABELS_FILE) as labels:
        kept = {name: labels[name] for name in labels if not name.startswith("road_")}
    del kept["vehicle_heading_rad"], kept["vehicle_colour"]
    archive = io.BytesIO()
    np.savez(archive, **kept)
    (shard.folder / LABELS_FILE).write_bytes(archive.getvalue())
    identity = unseal((shard.folder / IDENTITY_FILE).read_bytes())
    identity |= {"format": 2, "labels_sha256": hashlib.sha256(archive.getvalue()).hexdigest()}
    identity = {name: value for name, value in identity.items() if name != "sha256"}
    (shard.folder / IDENTITY_FILE).write_bytes(seal(identity))
    older = Shard.open(shard.folder)
    assert older.roads.count.tolist() == [-1] * 4
    assert np.isnan(older.vehicles.heading_rad).all()
    assert older.vehicles.colour.tolist() == [-1] * 4
    np.testing.assert_array_equal(older.vehicles.box, shard.vehicles.box)


def test_clips_are_conditioned_on_roads_headings_and_colours_if_asked(shard: Shard) -> None:
    footage = PackedFootage.open(shard.folder.parent)
    told = FootageTensors(footage, "cpu").conditioning(torch.tensor([[0], [1], [3]]), attributes=True, road=True)
    assert told.road is not None
    assert told.road.known.tolist() == [True, False, True]
    view = footage.roads.view(0)
    assert view is not None
    np.testing.assert_array_equal(told.road.coverage[0, 0], draw_road(view))
    assert told.box_headings is not None
    assert told.box_colours is not None
    assert float(told.box_headings.angle_rad[0, 0, 0]) == pytest.approx(-2.5)
    assert told.box_colours.index[:, 0, 0].tolist() == [COLOURS.index("green"), -1, -1]
    plain = FootageTensors(footage, "cpu").conditioning(torch.tensor([[0]]))
    assert (plain.road, plain.box_headings, plain.box_colours) == (None, None, None)


def test_a_clip_with_one_frame_of_unknown_road_has_no_road(shard: Shard) -> None:
    footage = PackedFootage.open(shard.folder.parent)
    told = FootageTensors(footage, "cpu").conditioning(torch.tensor([[0, 1], [2, 3]]), road=True)
    assert told.road is not None
    assert told.road.known.tolist() == [False, True]
