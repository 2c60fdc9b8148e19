"""The settings of a detector in an ONNX file: its output layout, its classes, and how a picture is prepared.

# yolov8n.yaml, beside yolov8n.onnx; JSON does as well
layout: yolov8
classes: {car: [2], bus: [5], truck: [7]}
fit: letterbox
score: 0.25
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from drivesim.errors import InputError, ScenarioError
from drivesim.regular_files import open_regular
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.strict import StrictModel
from drivesim.scenario.schema.vocabulary import CATEGORIES
from drivesim.scenario.text.problems import Problem
from drivesim.scenario.text.yaml_document import MAX_BYTES, read_document

NO_VEHICLE = -1
MAX_CLASSES = 10_000

ClassIndex = Annotated[int, Field(ge=0, lt=MAX_CLASSES)]
Side = Annotated[int, Field(ge=32, le=4096)]
Colours = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]
Layout = Literal["yolov5", "yolov8", "yolov10", "yolov7_nms", "efficient_nms", "torchvision"]


class VehicleClasses(StrictModel):
    """Which of the detector's classes are vehicles, by category; other classes are ignored."""

    car: tuple[ClassIndex, ...] = ()
    van: tuple[ClassIndex, ...] = ()
    truck: tuple[ClassIndex, ...] = ()
    bus: tuple[ClassIndex, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        indices = [index for category in CATEGORIES for index in getattr(self, category)]
        if not indices:
            raise ValueError("name at least one class, such as `car: [2]`")
        twice = sorted({index for index in indices if indices.count(index) > 1})
        if twice:
            raise ValueError(f"class {twice[0]} is named twice")
        return self

    def category_of_class(self) -> np.ndarray:
        """Returns the category of each class from 0 to the largest named one; others are `NO_VEHICLE`."""
        named = {index: position for position, name in enumerate(CATEGORIES) for index in getattr(self, name)}
        return np.array([named.get(index, NO_VEHICLE) for index in range(max(named) + 1)])


class DetectorSettings(StrictModel):
    """How a detector is used.

    Attributes:
        layout: Layout of its outputs; `drivesim.detection.onnx.layouts` describes each.
        classes: Its vehicle classes by category.
        width: Width of its input in pixels, only if the file leaves it open.
        height: Height of its input in pixels, only if the file leaves it open.
        fit: `letterbox` keeps the aspect ratio and centres the picture on `padding`, `top_left` puts it into the
            corner, and `stretch` does not keep the aspect ratio.
        padding: Value of the pixels around the picture.
        channels: Order of the colour channels.
        divide_by: A pixel v from 0 to 255 becomes (v / divide_by - mean) / std.
        mean: The mean of each channel in that formula.
        std: The standard deviation of each channel in that formula.
        coordinates: Unit of the boxes: `pixels` of the input, or `unit` for 0..1.
        score: Smallest score of a detection that counts.
        max_iou: Of two detections that overlap more, the better one is kept. It has no effect if the detector
            suppresses repeated detections itself.
    """

    layout: Layout
    classes: VehicleClasses
    width: Side | None = None
    height: Side | None = None
    fit: Literal["letterbox", "top_left", "stretch"] = "letterbox"
    padding: Annotated[int, Field(ge=0, le=255)] = 114
    channels: Literal["rgb", "bgr"] = "rgb"
    divide_by: Annotated[float, Field(gt=0)] = 255.0
    mean: Colours = (0.0, 0.0, 0.0)
    std: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=3, max_length=3)] = (1.0, 1.0, 1.0)
    coordinates: Literal["pixels", "unit"] = "pixels"
    score: Annotated[float, Field(ge=0.001, le=1)] = 0.25
    max_iou: Annotated[float, Field(gt=0, le=1)] = 0.45


def settings_beside(detector: Path) -> Path:
    """Returns the settings file that belongs to `DETECTOR.onnx`: the same name with .yaml, .yml or .json.

    Raises:
        InputError: There is none.
    """
    candidates = [detector.with_suffix(suffix) for suffix in (".yaml", ".yml", ".json")]
    for path in candidates:
        if path.is_file():
            return path
    raise InputError(f"{detector}: expected its settings in {candidates[0].name} beside it, or named by --settings")


def read_settings(path: Path) -> DetectorSettings:
    """Reads a settings file, YAML or JSON.

    Raises:
        InputError: The file cannot be read or is wrong; the message names the place.
    """
    try:
        with open_regular(path) as file:
            document = read_document(file.read(MAX_BYTES + 1), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file with the settings of the detector, found none") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read the settings of the detector: {error.strerror}") from None
    except ScenarioError as error:
        raise _first(list(error.args)) from None
    try:
        settings = DetectorSettings.model_validate(document.value)
    except ValidationError as error:
        unreadable = {problem.place for problem in document.problems}
        for path_of_value, message in misfits(error, DetectorSettings):
            if (place := document.place_of(path_of_value)) not in unreadable:
                document.note(place, message)
    if document.problems:
        raise _first(document.problems)
    return settings


def _first(problems: list[Problem]) -> InputError:
    return InputError(str(min(problems)))
