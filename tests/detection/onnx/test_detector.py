"""A detector from its file to vehicles: classes, thresholds, repeats, and what is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from drivesim.detection.onnx import session
from drivesim.detection.onnx.detector import OnnxDetector
from drivesim.errors import InputError, MissingExtraError
from drivesim.scenario.schema.vocabulary import CATEGORIES

FRAME = np.zeros((64, 96, 3), np.uint8)
CLASSES = {"car": [0], "bus": [2], "truck": [3]}


def _with_settings(path: Path, **said: object) -> Path:
    content = {"layout": "yolov10", "classes": CLASSES, "fit": "stretch", "score": 0.3, **said}
    path.with_suffix(".json").write_text(json.dumps(content))
    return path


def _rows(*rows: tuple[float, ...]) -> list[np.ndarray]:
    return [np.array([rows], np.float32)]


def test_classes_and_scores_are_filtered(constant_network: object) -> None:
    outputs = _rows(
        (0, 0, 48, 32, 0.9, 0),  # a car
        (48, 32, 96, 64, 0.8, 1),  # a class that is no vehicle
        (0, 32, 48, 64, 0.7, 2),  # a bus
        (48, 0, 96, 32, 0.2, 0),  # too little score
        (10, 10, 20, 20, 0.6, 9),  # a class beyond those that are named
        (30, 30, 30, 40, 0.6, 0),  # no area
        (-20, 8, 24, 48, 0.5, 3),  # a truck, cut off by the frame
    )
    with OnnxDetector.open(_with_settings(constant_network(outputs))) as detector:
        found, again = detector.detect(np.stack([FRAME, FRAME]))
    assert [CATEGORIES[index] for index in found.category] == ["car", "bus", "truck"]
    assert found.score.tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert found.xyxy.tolist() == [[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0, 0.125, 0.25, 0.75]]
    assert np.array_equal(found.xyxy, again.xyxy)


@pytest.mark.parametrize(("max_iou", "kept"), [(0.5, [0.9, 0.6]), (0.9, [0.9, 0.8, 0.6])])
def test_repeats_are_suppressed_whatever_their_class(constant_network: object, max_iou: float, kept: list) -> None:
    rows = np.zeros((1, 30, 5 + 4), np.float32)
    rows[0, 0, :5], rows[0, 0, 5] = (30, 30, 20, 20, 1), 0.9
    rows[0, 1, :5], rows[0, 1, 8] = (32, 30, 20, 20, 1), 0.8
    rows[0, 2, :5], rows[0, 2, 5] = (70, 30, 20, 20, 1), 0.6
    path = _with_settings(constant_network([rows]), layout="yolov5", max_iou=max_iou)
    with OnnxDetector.open(path) as detector:
        (found,) = detector.detect(FRAME[None])
    assert found.score.tolist() == pytest.approx(kept)


def test_a_picture_without_vehicles_has_no_detections(constant_network: object) -> None:
    for name, outputs in (("none", np.zeros((1, 0, 6))), ("low", np.zeros((1, 5, 6)))):
        with OnnxDetector.open(_with_settings(constant_network([outputs.astype(np.float32)], name=name))) as detector:
            assert [len(found) for found in detector.detect(np.stack([FRAME] * 2))] == [0, 0]


@pytest.mark.parametrize("fit", ["letterbox", "top_left", "stretch"])
def test_a_detector_that_looks_gives_source_pixels(bright_box_network: object, fit: str) -> None:
    path = _with_settings(bright_box_network(160, 256), fit=fit, padding=0)
    rng = np.random.default_rng(0)
    with OnnxDetector.open(path) as detector:
        for _ in range(12):
            height, width = rng.integers(60, 400, 2)
            x0, y0 = int(rng.integers(0, width // 2)), int(rng.integers(0, height // 2))
            x1, y1 = x0 + int(rng.integers(20, width // 2)), y0 + int(rng.integers(20, height // 2))
            frame = np.zeros((height, width, 3), np.uint8)
            frame[y0:y1, x0:x1] = 255
            (found,) = detector.detect(frame[None])
            pixels = found.xyxy[0] * [width, height, width, height]
            assert np.abs(pixels - [x0, y0, x1, y1]).max() <= max(1.5, width / 140, height / 90)


@pytest.mark.parametrize("input_type", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8])
@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_what_the_network_sees(first_pixel_network: object, input_type: int, channels: str) -> None:
    classes = {"car": [0], "van": [1], "truck": [2]}
    path = _with_settings(
        first_pixel_network(input_type), layout="yolov8", classes=classes, channels=channels, score=0.01
    )
    frame = np.broadcast_to(np.array([204, 102, 51], np.uint8), (40, 80, 3))
    with OnnxDetector.open(path) as detector:
        (found,) = detector.detect(frame[None])
    assert CATEGORIES[found.category[0]] == ("car" if channels == "rgb" else "truck")
    assert found.score[0] == pytest.approx(0.8, abs=1e-3)


def test_open_sides_come_from_the_settings(constant_network: object) -> None:
    path = constant_network(_rows((0, 0, 64, 16, 0.9, 0)), shape=("batch", 3, "height", "width"))
    with OnnxDetector.open(_with_settings(path, width=128, height=32)) as detector:
        (found,) = detector.detect(FRAME[None])
    assert found.xyxy.tolist() == [[0, 0, 0.5, 0.5]]
    with pytest.raises(InputError, match="leaves the height of its input open; give `height`"):
        OnnxDetector.open(_with_settings(path, width=128))


def test_boxes_in_parts_of_the_picture(constant_network: object) -> None:
    path = constant_network(_rows((0.25, 0.5, 0.75, 1.0, 0.9, 0)))
    with OnnxDetector.open(_with_settings(path, coordinates="unit")) as detector:
        assert detector.detect(FRAME[None])[0].xyxy.tolist() == [[0.25, 0.5, 0.75, 1.0]]
    with OnnxDetector.open(_with_settings(path)) as detector, pytest.raises(InputError, match="coordinates: unit"):
        detector.detect(FRAME[None])


def test_a_class_that_the_network_does_not_have_is_refused(constant_network: object) -> None:
    path = _with_settings(constant_network([np.zeros((1, 4 + 3, 30), np.float32)]), layout="yolov8")
    with OnnxDetector.open(path) as detector, pytest.raises(InputError, match="class 3, but it has classes 0 to 2"):
        detector.detect(FRAME[None])


def test_names_of_the_exporter_tell_a_wrong_layout(constant_network: object) -> None:
    rows = [np.zeros((1, 30, 4 + 8), np.float32)]
    path = _with_settings(constant_network(rows, metadata={"names": repr(dict.fromkeys(range(8)))}), layout="yolov5")
    with OnnxDetector.open(path) as detector, pytest.raises(InputError, match="has 7 classes, but it names 8"):
        detector.detect(FRAME[None])


@pytest.mark.parametrize("names", ["", "car, bus", "{", "(" * 50_000, "-" * 90_000 + "1", "7", "[]"])
def test_names_in_another_form_say_nothing(constant_network: object, names: str) -> None:
    path = _with_settings(constant_network(_rows((0, 0, 48, 32, 0.9, 0)), metadata={"names": names}))
    with OnnxDetector.open(path) as detector:
        assert len(detector.detect(FRAME[None])[0]) == 1


@pytest.mark.parametrize(
    ("shape", "input_type", "said", "message"),
    [
        ((1, 64, 96, 3), TensorProto.FLOAT, {}, "expected one input `1 3 height width`"),
        ((4, 3, 64, 96), TensorProto.FLOAT, {}, "got images tensor.float. 4 3 64 96"),
        ((3, 64, 96), TensorProto.FLOAT, {}, "expected one input"),
        ((1, 3, 64, 96), TensorProto.INT64, {}, "of float, float16 or uint8"),
        ((1, 3, 64, 96), TensorProto.FLOAT, {"width": 128}, "has an input of width 96, but its settings say 128"),
        ((1, 3, 64, 9600), TensorProto.FLOAT, {}, "at most 4096 pixels"),
    ],
)
def test_inputs_that_are_no_picture_are_refused(
    constant_network: object, shape: tuple, input_type: int, said: dict, message: str
) -> None:
    path = constant_network(_rows((0, 0, 9, 9, 0.9, 0)), shape=shape, input_type=input_type)
    with pytest.raises(InputError, match=message):
        OnnxDetector.open(_with_settings(path, **said))


def _broken(kind: str, good: bytes) -> bytes:
    rng = np.random.default_rng(0)
    return {
        "empty": b"",
        "text": b"not a network",
        "cut": good[: len(good) // 2],
        "noise": rng.integers(0, 256, 5000).astype(np.uint8).tobytes(),
        "flipped": bytes(byte ^ 0x55 if i % 7 == 0 else byte for i, byte in enumerate(good)),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "noise", "flipped"])
def test_a_broken_file_is_one_line(constant_network: object, kind: str) -> None:
    path = _with_settings(constant_network(_rows((0, 0, 9, 9, 0.9, 0))))
    path.write_bytes(_broken(kind, path.read_bytes()))
    with pytest.raises(InputError) as refusal:
        OnnxDetector.open(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_a_missing_file_a_folder_and_missing_settings(tmp_path: Path, constant_network: object) -> None:
    with pytest.raises(InputError, match="no such detector"):
        OnnxDetector.open(tmp_path / "absent.onnx")
    with pytest.raises(InputError, match="expected an ONNX file"):
        OnnxDetector.open(tmp_path)
    with pytest.raises(InputError, match=r"settings in known.yaml beside it"):
        OnnxDetector.open(constant_network(_rows((0, 0, 9, 9, 0.9, 0))))


def test_without_onnxruntime_the_extra_is_named(constant_network: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _with_settings(constant_network(_rows((0, 0, 9, 9, 0.9, 0))))
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"drivesim\[detect\]") as refusal:
        OnnxDetector.open(path)
    assert refusal.value.exit_code == 2
