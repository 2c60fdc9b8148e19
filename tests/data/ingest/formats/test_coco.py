"""COCO: x y width height, categories by name, crowds left out, sequences and stills."""

from __future__ import annotations

import json

import pytest

from drivesim.data.ingest.formats.coco import recordings
from drivesim.data.ingest.recording import Rejected
from drivesim.errors import FootageError

CATEGORIES = [
    {"id": 1, "name": "person"},
    {"id": 3, "name": "car"},
    {"id": 6, "name": "bus"},
    {"id": 8, "name": "truck"},
]


def document(**more: object) -> dict:
    annotation = {"id": 1, "image_id": 139, "category_id": 3, "bbox": [10, 20, 50, 40], "area": 2000, "iscrowd": 0}
    return {
        "images": [
            {"id": 285, "file_name": "large.jpg", "width": 640, "height": 320},
            {"id": 139, "file_name": "val/small.jpg", "width": 320, "height": 160},
        ],
        "annotations": [
            annotation,
            {**annotation, "id": 2, "category_id": 1},
            {**annotation, "id": 3, "iscrowd": 1, "segmentation": {"counts": [1], "size": [1, 1]}},
            {**annotation, "id": 4, "category_id": 8, "bbox": [100.5, 20.25, 0, 40]},
            {**annotation, "id": 5, "image_id": 285, "category_id": 6},
        ],
        "categories": CATEGORIES,
        **more,
    }


def test_stills(footage, converted) -> None:
    footage.picture("pictures/val/small.jpg", 0)
    footage.picture("pictures/large.jpg", 1, 320, 640)
    path = footage.text("instances.json", json.dumps(document()))
    (recording,) = recordings(path, footage.folder / "pictures")
    assert [p.name for p in recording.media.paths] == ["small.jpg", "large.jpg"], "one size after the other"
    (car,) = recording.vehicles[0]
    assert (car.category, car.box) == ("car", (10, 20, 60, 60))
    assert [v.category for v in recording.vehicles[1]] == ["bus"]
    logs = converted([recording])
    assert [(log.labels.width, log.num_frames) for log in logs] == [(320, 1), (640, 1)]
    assert logs[0].labels.frames[0].vehicles[0].box == (10, 20, 60, 60)
    assert logs[0].labels.provenance.vehicles == "annotated"


def test_sequences_need_a_rate(footage, converted) -> None:
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 320, "height": 160, "video_id": 1, "frame_id": n}
        for n in (2, 0, 1, 3)
    ]
    box = {"category_id": 3, "bbox": [10, 20, 50, 40], "iscrowd": 0}
    annotations = [{**box, "id": n, "image_id": n, "instance_id": 77} for n in range(4)]
    content = document(images=images, annotations=annotations, videos=[{"id": 1, "name": "clip"}])
    for number in range(4):
        footage.picture(f"{number}.jpg", number)
    path = footage.text("vid.json", json.dumps(content))
    (rejected,) = recordings(path, footage.folder)
    assert isinstance(rejected, Rejected)
    assert "--source-fps" in rejected.reason
    (recording,) = recordings(path, footage.folder, source_fps=10)
    assert recording.name == "clip"
    assert len({v.track_id for n in range(4) for v in recording.vehicles[n]}) == 1
    (log,) = converted([recording])
    assert log.num_frames == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": None}, "`categories` is of an unexpected kind"),
        ({"annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3]}]}, "four finite numbers"),
        ({"images": [{"id": 1, "file_name": "/etc/passwd", "width": 1, "height": 1}], "annotations": []}, "outside"),
    ],
)
def test_broken_files_are_named(footage, change: dict, message: str) -> None:
    path = footage.text("bad.json", json.dumps(document(**change)))
    with pytest.raises(FootageError, match=message):
        list(recordings(path, footage.folder))
