from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from drivesim.assets import scenario_library
from drivesim.scenario import load_scenario
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
        assert [a["category_id"] for a in own] == layout.category.tolist()
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
    assert part["annotations"] == [a for a in whole["annotations"] if a["image_id"] < 7]
