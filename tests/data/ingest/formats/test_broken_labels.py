"""Label files that are damaged or hostile: whatever stands in a field, the error names the file."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivesim.data.ingest.formats import comma2k19, kitti_tracking
from drivesim.data.ingest.formats.formats import SourceOptions, recordings_of
from drivesim.data.ingest.formats.names import Format
from drivesim.data.ingest.formats.tables import array_of, json_array
from drivesim.data.ingest.recording import Recording, Rejected
from drivesim.data.ingest.session import identity
from drivesim.errors import FootageError

NUM_MUTATED = 150
POSE = {"rotation": [1.0, 0.0, 0.0, 0.0], "translation": [0.0, 0.0, 1.5]}
DATA_SETS: dict[Format, dict[str, Any]] = {
    Format.coco: {
        "ann.json": {
            "images": [{"id": 1, "file_name": "1.jpg", "width": 320, "height": 160, "video_id": 1, "frame_id": 0}],
            "videos": [{"id": 1, "name": "v"}],
            "categories": [{"id": 3, "name": "car"}],
            "annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40], "iscrowd": 0, "track_id": 5}],
        }
    },
    Format.scalabel: {
        "v.json": [
            {
                "name": "1.jpg",
                "videoName": "v",
                "frameIndex": 0,
                "timestamp": 10,
                "attributes": {"timeofday": "night"},
                "labels": [
                    {
                        "id": "1",
                        "category": "car",
                        "attributes": {"occluded": False},
                        "box2d": {"x1": 1, "y1": 2, "x2": 30, "y2": 40},
                    }
                ],
            }
        ]
    },
    Format.nuscenes: {
        "scene.json": [{"token": "scene", "name": "scene-1", "description": ""}],
        "sample.json": [{"token": "s", "timestamp": 10**15, "scene_token": "scene"}],
        "sensor.json": [{"token": "camera", "channel": "CAM_FRONT"}],
        "calibrated_sensor.json": [
            {
                **POSE,
                "token": "mount",
                "sensor_token": "camera",
                "camera_intrinsic": [[900, 0, 800], [0, 900, 450], [0, 0, 1]],
            }
        ],
        "sample_data.json": [
            {
                "calibrated_sensor_token": "mount",
                "sample_token": "s",
                "ego_pose_token": "pose",
                "timestamp": 10**15,
                "is_key_frame": True,
                "filename": "1.jpg",
                "height": 900,
                "width": 1600,
            }
        ],
        "ego_pose.json": [{**POSE, "token": "pose"}],
        "category.json": [{"token": "c", "name": "vehicle.car"}],
        "instance.json": [{"token": "i", "category_token": "c"}],
        "sample_annotation.json": [
            {
                **POSE,
                "translation": [0, 0, 20],
                "sample_token": "s",
                "instance_token": "i",
                "visibility_token": "4",
                "size": [2, 4, 1.5],
                "num_lidar_pts": 4,
                "num_radar_pts": 0,
            }
        ],
    },
}
WRONG = [
    *(None, True, -1, 3.5, 1e308, 10**40, float("nan"), float("inf")),
    *("", "x", "../../x", "/etc/passwd", "a\0b"),
    *([], {}, [1], [[]], ["a", "b", "c", "d"], [None] * 4, [0, 0, 0, 0], {"a": 1}),
]


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of each value inside a JSON document, but not that of the document itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutated(document: Any, rng: random.Random) -> Any:
    """The document with one value exchanged for a wrong one, or removed."""
    document = copy.deepcopy(document)
    *path, last = rng.choice(list(places(document)))
    inner = document
    for key in path:
        inner = inner[key]
    if rng.random() < 0.2:
        del inner[last]
    else:
        inner[last] = copy.deepcopy(rng.choice(WRONG))
    return document


def refusals(found: Iterator[Recording | Rejected]) -> list[str]:
    """The reasons for which recordings, or all of them, are refused."""
    reasons = []
    try:
        for item in found:
            if isinstance(item, Recording):
                identity(item)
            else:
                reasons.append(item.reason)
    except FootageError as error:
        reasons.append(str(error))
    return reasons


@pytest.mark.parametrize("format", DATA_SETS)
def test_any_wrong_value_gives_recordings_or_a_named_error(footage, format: Format) -> None:
    """Nothing else may leave the reader: a TypeError would end the ingest with a traceback."""
    tables, rng = DATA_SETS[format], random.Random(1)
    files = {name: footage.text(name, json.dumps(content)) for name, content in tables.items()}
    path = footage.folder if format is Format.nuscenes else next(iter(files.values()))
    options = SourceOptions(media=footage.folder, source_fps=10)
    assert all(isinstance(found, Recording) for found in recordings_of(format, path, options))
    refused = 0
    for _ in range(NUM_MUTATED):
        name = rng.choice(list(tables))
        files[name].write_text(json.dumps(mutated(tables[name], rng)))
        reasons = refusals(recordings_of(format, path, options))
        assert all(str(footage.folder) in reason for reason in reasons)
        refused += bool(reasons)
        files[name].write_text(json.dumps(tables[name]))
    assert NUM_MUTATED // 5 < refused < NUM_MUTATED, "the mutations are neither all harmless nor all fatal"


def test_characters_across_the_edge_of_a_piece(footage) -> None:
    """Large tables are read in pieces of 1 MiB, and a character may have up to four bytes."""
    for shift in range(4):
        rows = [{"name": "x" * (2**20 - 20 + shift) + "éß漢🚗" * 4}, {"name": "last"}]
        path = footage.text("t.json", json.dumps(rows, ensure_ascii=False))
        assert list(json_array(path)) == rows
    path.write_bytes(b'[{"name": "\xff"}]')
    with pytest.raises(FootageError, match="no JSON as expected"):
        list(json_array(path))


@pytest.mark.parametrize("value", [[1, 2], [[1], [2], [3]], ["a", "b", "c"], [1, 2, None], [1, 2, 1e400], "123"])
def test_arrays_have_the_expected_shape_and_finite_numbers(value: Any) -> None:
    with pytest.raises(FootageError, match="`size`"):
        array_of({"size": value}, "size", "here", (3,))
    assert array_of({"size": [1, 2, 3]}, "size", "here", (3,)).tolist() == [1, 2, 3]


def test_kitti_numbers_are_named_by_line(footage) -> None:
    footage.picture("training/image_02/0001/000000.png")
    footage.text("training/label_02/0001.txt", "zero 1 Car 0 0 0 1 1 50 50 1.5 1.6 4 0 1.65 20 0\n")
    (rejected,) = kitti_tracking.recordings(footage.folder)
    assert isinstance(rejected, Rejected)
    assert "0001.txt:1: could not convert" in rejected.reason


def test_an_array_that_claims_more_than_memory(footage) -> None:
    """The header of a `.npy` file may claim any size, and may end in the middle."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": (10**13,), "fortran_order": False, "descr": "<f8"})
    folder: Path = footage.text("s/video.hevc", "").parent
    times = folder / "global_pose" / "frame_times"
    times.parent.mkdir()
    cut = buffer.getvalue().replace(b"(10000000000000,)", b"((((((((((((((((1")
    for content in (buffer.getvalue(), cut):
        times.write_bytes(content)
        (rejected,) = comma2k19.recordings(footage.folder)
        assert isinstance(rejected, Rejected)
        assert f"{times}: no array as expected" in rejected.reason
