from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from jsonschema.validators import validator_for
from vcd.schema import openlabel_schema

from drivesim.assets import scenario_library
from drivesim.scenario import Scenario, load_scenario
from drivesim.scenario.interchange.openlabel import openlabel

LIBRARY = sorted(file.stem for file in scenario_library().glob("*.yaml"))
IDENTIFIER = re.compile(r"-?[0-9]+")
LENGTHS = {"bbox": {4}, "cuboid": {9, 10}}
VALUES = {"num": float, "boolean": bool, "text": str}


def document_of(name: str) -> dict[str, Any]:
    """The document as another program reads it."""
    return json.loads(json.dumps(openlabel(load_scenario(scenario_library() / f"{name}.yaml"))))["openlabel"]


def check_keys(value: dict[str, Any], required: set[str], optional: set[str] = frozenset()) -> None:
    assert required <= set(value) <= required | set(optional)


def check_numbers(values: list[Any], lengths: set[int]) -> None:
    assert len(values) in lengths
    assert all(isinstance(value, float | int) and not isinstance(value, bool) for value in values)


def check_intervals(intervals: list[dict[str, int]]) -> set[int]:
    for interval in intervals:
        check_keys(interval, {"frame_start", "frame_end"})
        assert all(type(number) is int for number in interval.values())
    return {n for interval in intervals for n in range(interval["frame_start"], interval["frame_end"] + 1)}


def check_transform(data: dict[str, Any]) -> np.ndarray:
    check_keys(data, {"matrix4x4"})
    check_numbers(data["matrix4x4"], {16})
    return np.array(data["matrix4x4"]).reshape(4, 4)


def check_data(data: dict[str, Any], systems: set[str]) -> dict[str, str]:
    """The rules of `object_data`; gives the kind of each named part."""
    assert set(data) <= {"bbox", "cuboid", "num", "boolean", "text"}
    for kind, entry in ((kind, entry) for kind, entries in data.items() for entry in entries):
        assert isinstance(entry["name"], str)
        if kind in VALUES:
            assert isinstance(entry["val"], VALUES[kind])
            continue
        check_numbers(entry["val"], LENGTHS[kind])
        assert entry["coordinate_system"] in systems
        check_data(entry.get("attributes", {}), systems)
    names = [(entry["name"], kind) for kind, entries in data.items() for entry in entries]
    assert len({name for name, _ in names}) == len(names)
    return dict(names)


@pytest.mark.parametrize("name", LIBRARY)
def test_the_document_keeps_the_rules_of_openlabel_1_0_0(name: str) -> None:
    document = document_of(name)
    parts = {"coordinate_systems", "streams", "contexts", "objects", "frames", "frame_intervals"}
    check_keys(document, {"metadata"}, parts)
    assert document["metadata"]["schema_version"] == "1.0.0"
    systems = document["coordinate_systems"]
    for key, system in systems.items():
        check_keys(system, {"type", "parent"}, {"children", "pose_wrt_parent"})
        assert system["parent"] == "" or key in systems[system["parent"]]["children"]
        if "pose_wrt_parent" in system:
            check_transform(system["pose_wrt_parent"])
    for stream in document["streams"].values():
        check_keys(stream, {"type", "stream_properties"}, {"description", "uri"})
        pinhole = stream["stream_properties"]["intrinsics_pinhole"]
        assert (type(pinhole["width_px"]), type(pinhole["height_px"])) == (int, int)
        check_numbers(pinhole["camera_matrix"], {12})
        check_numbers(pinhole["distortion_coeffs"], set(range(5, 15)))
    for elements in (document["contexts"], document["objects"]):
        for uid, element in elements.items():
            assert IDENTIFIER.fullmatch(uid)
            check_keys(element, {"name", "type"}, {"frame_intervals", "object_data_pointers"})
            assert isinstance(element["name"], str)
            assert isinstance(element["type"], str)

    found: dict[tuple[str, str, str], set[int]] = {}
    for key, frame in document["frames"].items():
        assert re.fullmatch(r"[0-9]+", key)
        check_keys(frame, {"frame_properties", "objects"})
        assert frame["frame_properties"]["timestamp"] == pytest.approx(int(key) / 10)
        assert set(frame["frame_properties"]["streams"]) <= set(document["streams"])
        for transform in frame["frame_properties"]["transforms"].values():
            check_keys(transform, {"src", "dst", "transform_src_to_dst"})
            assert {transform["src"], transform["dst"]} <= set(systems)
            check_transform(transform["transform_src_to_dst"])
        for uid, values in frame["objects"].items():
            check_keys(values, {"object_data"})
            for part, kind in check_data(values["object_data"], set(systems)).items():
                found.setdefault((uid, part, kind), set()).add(int(key))
    assert check_intervals(document["frame_intervals"]) == {int(key) for key in document["frames"]}
    pointed = {
        (uid, part, pointer["type"]): check_intervals(pointer["frame_intervals"])
        for uid, value in document["objects"].items()
        for part, pointer in value["object_data_pointers"].items()
    }
    assert pointed == found


VALIDATOR = validator_for(openlabel_schema)(openlabel_schema)


@pytest.mark.parametrize("name", LIBRARY)
def test_the_document_is_valid_by_the_schema_of_asam(name: str) -> None:
    """The schema is that of ASAM OpenLABEL 1.0.0, as the library `vcd` of its authors carries it."""
    assert openlabel_schema["$id"] == "https://openlabel.asam.net/V1-0-0/schema#"
    assert [error.message for error in VALIDATOR.iter_errors({"openlabel": document_of(name)})] == []


def test_the_schema_finds_what_is_wrong() -> None:
    document = document_of("cut_in_day")
    del document["objects"]["0"]["type"]
    document["frames"]["0"]["objects"]["0"]["object_data"]["cuboid"][0]["val"] = "far away"
    assert len(list(VALIDATOR.iter_errors({"openlabel": document}))) >= 2


TURNING = {
    "format": 1,
    "name": "turning",
    "camera": {"pitch_deg": 3.0, "height_m": 1.7},
    "ego": {"speed_mps": 6, "manoeuvres": [{"type": "turn", "angle_deg": 25, "duration_s": 3}]},
    "actors": [
        {"category": "bus", "distance_m": 20, "lane": 1, "heading_deg": 10, "speed_mps": 5},
        {"category": "car", "distance_m": 25, "speed_mps": 4, "manoeuvres": [{"type": "cut_out", "lane": -1}]},
    ],
}


def test_cuboids_seen_through_the_camera_of_the_document_fill_the_amodal_boxes() -> None:
    document = openlabel(Scenario.model_validate(TURNING))["openlabel"]
    pose = check_transform(document["coordinate_systems"]["camera"]["pose_wrt_parent"])
    matrix = document["streams"]["camera"]["stream_properties"]["intrinsics_pinhole"]["camera_matrix"]
    checked = 0
    for frame in document["frames"].values():
        for values in frame["objects"].values():
            data = values["object_data"]
            boxes = {entry["name"]: entry["val"] for entry in data.get("bbox", ())}
            x, y, z, _, _, heading, *size = data["cuboid"][0]["val"]
            corners = np.array(list(product((-0.5, 0.5), repeat=3))) * size
            turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
            corners = np.column_stack([corners[:, :2] @ turn.T + (x, y), corners[:, 2] + z, np.ones(8)])
            seen = np.array(matrix).reshape(3, 4) @ np.linalg.inv(pose) @ corners.T
            if "amodal" not in boxes or seen[2].min() < 1:
                continue
            pixels = seen[:2] / seen[2]
            low, high = pixels.min(1), pixels.max(1)
            np.testing.assert_allclose(boxes["amodal"], [*(low + high) / 2, *(high - low)], rtol=1e-6)
            checked += 1
    assert checked > 50


def test_a_standing_vehicle_stays_where_it_is_in_the_world_while_the_ego_turns() -> None:
    still = {**TURNING, "actors": [*TURNING["actors"], {"category": "van", "distance_m": 60, "speed_mps": 0}]}
    places = []
    for frame in openlabel(Scenario.model_validate(still))["openlabel"]["frames"].values():
        transform = frame["frame_properties"]["transforms"]["vehicle-iso8855_to_odom"]
        place = frame["objects"]["2"]["object_data"]["cuboid"][0]["val"][:3]
        places.append(check_transform(transform["transform_src_to_dst"]) @ [*place, 1])
    np.testing.assert_allclose(places, np.tile([62.75, 0, 1.15, 1], (len(places), 1)), atol=1e-9)


def test_a_hidden_actor_has_no_visible_box() -> None:
    wall = {"category": "bus", "distance_m": 8}
    hidden = {"category": "car", "distance_m": 40}
    case = Scenario.model_validate({"format": 1, "name": "a", "actors": [wall, hidden]})
    data = openlabel(case)["openlabel"]["frames"]["0"]["objects"]["1"]["object_data"]
    assert [box["name"] for box in data["bbox"]] == ["amodal"]
    assert data["boolean"] == [{"name": "told", "val": False}]


def test_boxes_and_time_of_day_of_the_first_frame() -> None:
    document = document_of("night_lead_vehicle")
    assert document["contexts"] == {"0": {"name": "night", "type": "time_of_day"}}
    assert [value["type"] for value in document["objects"].values()] == ["car", "car"]
    [box] = document["frames"]["0"]["objects"]["0"]["object_data"]["bbox"]
    np.testing.assert_allclose(box["val"], [512, 285.5, 106, 87], atol=1e-3)
