"""Settings of a detector: YAML and JSON say the same, and a mistake has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivesim.detection.onnx.settings import NO_VEHICLE, read_settings, settings_beside
from drivesim.errors import InputError
from drivesim.scenario.schema.vocabulary import CATEGORIES


def _read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "detector.yaml"
    path.write_text(text)
    return read_settings(path)


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    yaml = _read(tmp_path, "layout: yolov8\nclasses: {car: [2], truck: [7, 8]}\nmean: [0.5, 0.5, 0.5]\n")
    json = _read(tmp_path, '{"layout": "yolov8", "classes": {"car": [2], "truck": [7, 8]}, "mean": [0.5, 0.5, 0.5]}')
    assert yaml == json
    assert (yaml.score, yaml.fit, yaml.channels) == (0.25, "letterbox", "rgb")
    names = [None if index == NO_VEHICLE else CATEGORIES[index] for index in yaml.classes.category_of_class()]
    assert names == [None, None, "car", None, None, None, None, "truck", "truck"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mapping"),
        ("- yolov8", "expected a mapping"),
        ("layout: yolov8", "`classes` is missing"),
        ("classes: {car: [2]}", "`layout` is missing"),
        ("layout: yolov9\nclasses: {car: [2]}", ":1:9: `layout`: expected 'yolov5'"),
        ("layout: yolov8\nclasses: {}", "name at least one class"),
        ("layout: yolov8\nclasses: {car: []}", "name at least one class"),
        ("layout: yolov8\nclasses: {car: [2], bus: [2]}", "class 2 is named twice"),
        ("layout: yolov8\nclasses: {car: [-1]}", "expected at least 0, got -1"),
        ("layout: yolov8\nclasses: {car: [two]}", "expected a whole number, got 'two'"),
        ("layout: yolov8\nclasses: {car: [99999999]}", "expected less than 10000"),
        ("layout: yolov8\nclasses: {cars: [2]}", "unknown key `cars`; did you mean `car`?"),
        ("layout: yolov8\nclasses: {car: [2]}\ntreshold: 1", "unknown key `treshold`; known here: layout, classes"),
        ("layout: yolov8\nclasses: {car: [2]}\nscore: 2", "`score`: expected at most 1"),
        ("layout: yolov8\nclasses: {car: [2]}\nstd: [1, 1, 0]", "expected more than 0"),
        ("layout: yolov8\nclasses: {car: [2]}\nmean: [1, 1]", "at least 3"),
        ("layout: yolov8\nclasses: {car: [2]}\ndivide_by: .nan", "expected a finite number"),
        ("layout: &a yolov8\nclasses: {car: [2]}", "the anchor &a"),
        ("[" * 100_000, "nested deeper"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        _read(tmp_path, text)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "detector.yaml") + ":")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_settings_lie_beside_the_detector(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"detector{suffix}").write_text("{}")
    assert settings_beside(tmp_path / "detector.onnx") == tmp_path / f"detector{suffix}"


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file with the settings"):
        read_settings(tmp_path / "absent.yaml")
