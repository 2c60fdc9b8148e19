from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from drivesim.assets import scenario_library
from drivesim.scenario import Scenario, load_scenario
from drivesim.scenario.interchange.coco import coco
from drivesim.scenario.schema.vocabulary import CATEGORIES


def test_what_is_told_of_each_frame_is_annotated() -> None:
    scenario = load_scenario(scenario_library() / "cut_in_day.yaml")
    document = json.loads(json.dumps(coco(scenario)))
    assert len(document["images"]) == 40
    assert len({annotation["id"] for annotation in document["annotations"]}) == len(document["annotations"])
    for image in document["images"]:
        layout = scenario.scene.layout(image["time_s"])
        own = [a for a in document["annotations"] if a["image_id"] == image["id"] and a["told"]]
        assert [a["category_id"] - 1 for a in own] == layout.category.tolist()
        for annotation, box in zip(own, layout.xyxy * [1024, 512, 1024, 512], strict=True):
            x, y, width, height = annotation["bbox"]
            np.testing.assert_allclose([x, y, x + width, y + height], box, atol=1e-3)
            assert annotation["area"] == pytest.approx(width * height)


@pytest.mark.parametrize("name", ["cut_in_day", "dense_day_traffic"])
def test_the_tools_of_coco_read_the_document(name: str, tmp_path: Path) -> None:
    """pycocotools indexes it, and finds in it exactly the boxes that are in it."""
    scenario = load_scenario(scenario_library() / f"{name}.yaml")
    file = tmp_path / "requested.json"
    file.write_text(json.dumps(coco(scenario, fps=2.0)))
    truth = COCO(str(file))
    assert len(truth.getImgIds()) == len(scenario.known_times(2.0))
    assert [category["name"] for category in truth.loadCats(truth.getCatIds())] == list(CATEGORIES)
    boxes = truth.loadAnns(truth.getAnnIds())
    found = truth.loadRes(
        [{key: box[key] for key in ("image_id", "category_id", "bbox")} | {"score": 1.0} for box in boxes]
    )
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "count"), [("dense_day_traffic", 7), ("empty_road_night", 0)])
def test_of_boxes_only_the_first_frame_is_known(name: str, count: int) -> None:
    document = coco(load_scenario(scenario_library() / f"{name}.yaml"))
    assert (len(document["images"]), len(document["annotations"])) == (1, count)
    assert [category["name"] for category in document["categories"]] == list(CATEGORIES)


def test_frames_that_do_not_exist_yet_are_left_out() -> None:
    scenario = load_scenario(scenario_library() / "cut_in_day.yaml")
    whole, part = coco(scenario), coco(scenario, folder="future_00", max_frames=7)
    assert [image["file_name"] for image in part["images"]] == [f"future_00/{number:06d}.png" for number in range(7)]
    assert part["annotations"] == [a for a in whole["annotations"] if a["image_id"] <= 7]


def average_precision(document: dict[str, Any], detected: list[dict[str, Any]]) -> float:
    truth = COCO()
    truth.dataset = document
    truth.createIndex()
    judged = COCOeval(truth, truth.loadRes(detected), "bbox")
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    return float(judged.stats[0])


def crowd(count: int) -> list[dict[str, Any]]:
    """Boxes that overlap little, row by row."""
    places = [(x, y) for y in range(8, 500, 24) for x in range(4, 1000, 44)][:count]
    return [{"category": CATEGORIES[n % 4], "xyxy": [x, y, x + 40, y + 20]} for n, (x, y) in enumerate(places)]


@pytest.mark.parametrize("boxes", [1, 10, 100, 360])
def test_perfect_detections_of_boxes_have_an_average_precision_of_one(boxes: int) -> None:
    document = coco(Scenario.model_validate({"format": 1, "name": "a", "boxes": crowd(boxes)}))
    keys = ("image_id", "category_id", "bbox")
    assert (
        average_precision(document, [{k: a[k] for k in keys} | {"score": 1.0} for a in document["annotations"]])
        > 0.9999
    )


def test_perfect_detections_of_a_thousand_vehicles_over_time_have_an_average_precision_of_one() -> None:
    actors = [{"category": CATEGORIES[n % 4], "distance_m": 12.0 * n + 8, "lane": n % 2} for n in range(16)]
    actors[0]["manoeuvres"] = [{"type": "keep_lane"}]
    document = coco(Scenario.model_validate({"format": 1, "name": "a", "actors": actors, "duration_s": 24}), fps=10)
    found = [{k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.9} for a in document["annotations"]]
    assert len(found) >= 1000
    assert average_precision(document, found) > 0.9999
    assert average_precision(document, found[: len(found) // 2]) < 0.6


def test_ids_count_from_one_and_every_annotation_has_what_tools_read() -> None:
    document = coco(load_scenario(scenario_library() / "cut_in_day.yaml"))
    for key in ("images", "annotations"):
        assert [entry["id"] for entry in document[key]] == list(range(1, len(document[key]) + 1))
    assert [(c["id"], c["name"]) for c in document["categories"]] == [
        (n + 1, name) for n, name in enumerate(CATEGORIES)
    ]
    for annotation in document["annotations"]:
        assert annotation["iscrowd"] == 0
        assert annotation["area"] > 0
        [outline] = annotation["segmentation"]
        x, y, width, height = annotation["bbox"]
        assert (min(outline[::2]), min(outline[1::2])) == pytest.approx((x, y))
        assert (max(outline[::2]), max(outline[1::2])) == pytest.approx((x + width, y + height))
