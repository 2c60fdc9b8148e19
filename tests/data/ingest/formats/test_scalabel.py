"""BDD100K and Scalabel: sequences and stills, the last pixel inside a box, times of day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivesim.data.ingest.formats.scalabel import recordings
from drivesim.data.ingest.recording import Rejected

CAR = {
    "id": "17",
    "category": "car",
    "attributes": {"occluded": False, "truncated": False, "crowd": False},
    "box2d": {"x1": 10.0, "y1": 20.0, "x2": 59.0, "y2": 69.0},
}
OTHERS = [
    {"id": "18", "category": "pedestrian", "box2d": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}},
    {"id": "19", "category": "truck", "attributes": {"crowd": True}, "box2d": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}},
    {"id": "20", "category": "drivable area", "poly2d": []},
    {
        "id": "21",
        "category": "bus",
        "attributes": {"occluded": True},
        "box2d": {"x1": 80, "y1": 20, "x2": 119, "y2": 69},
    },
]


def sequence(frames: int = 10) -> list[dict]:
    """A sequence whose frames the file lists backwards."""
    made = [
        {
            "name": f"b1c66a42-6f7d68ca-{index + 1:07d}.jpg",
            "videoName": "b1c66a42-6f7d68ca",
            "frameIndex": index,
            "attributes": {"timeofday": "daytime", "weather": "clear"},
            "labels": [CAR, *OTHERS] if index == 0 else None,
        }
        for index in range(frames)
    ]
    return made[::-1]


def test_sequences(footage, converted) -> None:
    for index in range(10):
        footage.picture(f"track/b1c66a42-6f7d68ca/b1c66a42-6f7d68ca-{index + 1:07d}.jpg", index)
    labels = footage.text("labels/train.json", json.dumps(sequence()))
    (recording,) = recordings(labels, footage.folder / "track")
    assert recording.name == "b1c66a42-6f7d68ca"
    assert recording.media.times_s == pytest.approx([index / 5 for index in range(10)])
    car, bus = recording.vehicles[0]
    assert (car.category, car.box, car.visible_fraction) == ("car", (10, 20, 60, 70), 1.0)
    assert (bus.category, bus.box, bus.visible_fraction) == ("bus", (80, 20, 120, 70), None)
    assert recording.vehicles[1] == ()
    (log,) = converted([recording])
    assert (log.labels.fps, log.num_frames, log.labels.time_of_day) == (5, 10, "day")
    assert log.labels.provenance.time_of_day == "annotated"
    assert log.labels.frames[0].vehicles[1].visible_fraction is None
    assert log.labels.frames[1].vehicles == ()


def test_newer_files_hold_frames_in_an_object_and_times_in_milliseconds(footage) -> None:
    frames = sequence(3)
    for frame in frames:
        frame["timestamp"] = 1_500_000_000_000 + 100 * frame["frameIndex"]
    labels = footage.text("new.json", json.dumps({"frames": frames, "config": {"categories": []}}))
    (recording,) = recordings(labels, footage.folder)
    assert recording.media.times_s == pytest.approx([0, 0.1, 0.2])
    assert recording.media.paths[0].name.endswith("0000001.jpg")


def test_stills_by_time_of_day(footage, converted) -> None:
    words = ["daytime", "night", "dawn/dusk", "daytime", "undefined"]
    frames = [
        {"name": f"{n}.jpg", "attributes": {"timeofday": word}, "timestamp": 10000, "labels": [{**CAR, "id": 5}]}
        for n, word in enumerate(words)
    ]
    for number in range(len(words)):
        footage.picture(f"{number}.jpg", number)
    found = list(recordings(footage.text("det.json", json.dumps(frames)), footage.folder))
    assert [recording.name for recording in found] == ["det_daytime", "det_night", "det_dawn_dusk", "det_undefined"]
    tracks = [vehicle.track_id for number in (0, 1) for vehicle in found[0].vehicles[number]]
    assert len(set(tracks)) == 2, "the same number in unrelated pictures is not the same vehicle"
    logs = {log.name.partition("~")[0]: log for log in converted(found)}
    assert {name: log.labels.time_of_day for name, log in logs.items()} == {
        "det_daytime": "day",
        "det_night": "night",
        "det_dawn_dusk": None,
        "det_undefined": "day",
    }
    assert logs["det_daytime"].num_frames == 2
    assert logs["det_daytime"].labels.fps == 0.25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "no JSON as expected"),
        ("[" * 100_000, "no JSON as expected"),
        ('[{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": 1}}]}]', "expected the field `y1`"),
        ('[{"name": "../a.jpg"}]', "outside the data set"),
        (
            '[{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": NaN, "y1": 1, "x2": 2, "y2": 2}}]}]',
            "finite",
        ),
        ('{"config": {}}', "expected the field `frames`"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    (rejected,) = recordings(path, tmp_path)
    assert isinstance(rejected, Rejected)
    assert str(path) in rejected.reason
    assert message in rejected.reason
