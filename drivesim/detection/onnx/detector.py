"""A detector that a user brings: a network in an ONNX file that finds vehicles in frames.

with OnnxDetector.open(Path("yolov8n.onnx")) as detector:
    found = detector.detect(frames)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from drivesim.detection.detections import Detections
from drivesim.detection.onnx.layouts import SUPPRESSED, RawDetections, read_outputs
from drivesim.detection.onnx.placement import Placement, input_tensor
from drivesim.detection.onnx.session import MAX_FILE_BYTES, Port, Session
from drivesim.detection.onnx.settings import NO_VEHICLE, DetectorSettings, read_settings, settings_beside
from drivesim.errors import InputError
from drivesim.geometry.boxes import to_pixels

MAX_CANDIDATES = 1000
"""Boxes with the best scores that suppression of repeats looks at."""

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


@dataclass(frozen=True, eq=False)
class OnnxDetector:
    """A detector that is loaded and ready.

    Attributes:
        session: The process that runs it.
        settings: How it is used.
        size: Height and width of its input.
        dtype: Type of its input.
        sha256: sha256 of its file.
    """

    session: Session
    settings: DetectorSettings
    size: tuple[int, int]
    dtype: np.dtype
    sha256: str

    @classmethod
    def open(cls, path: Path, settings: Path | None = None) -> Self:
        """Loads a detector.

        Args:
            path: The ONNX file.
            settings: The file of settings; None for the one beside the ONNX file.

        Raises:
            InputError: One of the files cannot be used, or they do not fit each other.
            MissingExtraError: onnxruntime is not installed.
        """
        content = _content(path)
        chosen = read_settings(settings_beside(path) if settings is None else settings)
        session = Session(path, content)
        try:
            size, dtype = _input(path, session.inputs, chosen)
        except InputError:
            session.close()
            raise
        return cls(session, chosen, size, dtype, hashlib.sha256(content).hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.session.path.name

    @property
    def threshold(self) -> float:
        """The smallest score of a detection that counts."""
        return self.settings.score

    @property
    def preparation(self) -> str:
        """How frames become its input, and outputs detections, in one line: for the protocol of a figure."""
        said = json.dumps(self.settings.model_dump(mode="json"), sort_keys=True)
        return f"{self.settings.fit} to {self.size[0]}x{self.size[1]}, settings {said}"

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Returns the vehicles in each of the frames uint8 `t h w 3`, RGB, of any size; it runs one frame at a time."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: np.ndarray) -> Detections:
        placement = Placement.of(frame.shape[:2], self.size, self.settings.fit)
        outputs = self.session.run(input_tensor(frame, placement, self.settings, self.dtype))
        try:
            raw = read_outputs(self.settings.layout, outputs)
            return self._vehicles(raw, placement)
        except InputError as error:
            raise InputError(f"{self.session.path}: {error}") from None

    def _vehicles(self, raw: RawDetections, placement: Placement) -> Detections:
        known = self.settings.classes.category_of_class()
        self._check_classes(raw.num_classes, len(known))
        raw = raw.where(raw.score >= self.settings.score)
        named = (raw.class_index >= 0) & (raw.class_index < len(known))
        category = np.where(named, known[np.where(named, raw.class_index, 0)], NO_VEHICLE)
        xyxy = raw.xyxy
        if self.settings.coordinates == "unit":
            xyxy = to_pixels(xyxy, placement.width, placement.height)
        elif len(xyxy) and xyxy.max() <= 1.5:
            raise InputError("all its boxes lie within 0..1; say `coordinates: unit` in its settings")
        xyxy = placement.to_picture(xyxy)
        keep = (category != NO_VEHICLE) & (xyxy[:, 2:] > xyxy[:, :2]).all(1)
        parts = (xyxy[keep].astype(np.float32), category[keep].astype(np.int64), raw.score[keep].astype(np.float32))
        found = Detections(*parts)
        best = found.where(np.argsort(-found.score, kind="stable")[:MAX_CANDIDATES])
        return best if self.settings.layout in SUPPRESSED else best.without_repeats(self.settings.max_iou)

    def _check_classes(self, given: int | None, needed: int) -> None:
        """Compares the number of classes that the outputs have with the settings and with what the exporter wrote."""
        if given is None:
            return
        if needed > given:
            raise InputError(f"its settings name class {needed - 1}, but it has classes 0 to {given - 1}")
        written = self.session.num_names
        if written is not None and written != given:
            layout = self.settings.layout
            raise InputError(f"by layout {layout} it has {given} classes, but it names {written}; use another layout")


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: {'expected an ONNX file' if path.exists() else 'no such detector'}")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"{path}: a detector of more than {MAX_FILE_BYTES >> 30} GiB is not loaded")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the detector: {error.strerror}") from None


def _input(path: Path, inputs: tuple[Port, ...], settings: DetectorSettings) -> tuple[tuple[int, int], np.dtype]:
    """Height, width and type of the input. Raises InputError if the network does not take one RGB picture."""
    seen = ", ".join(map(str, inputs)) or "none"
    port = inputs[0] if len(inputs) == 1 else None
    if port is None or port.type not in _TYPES or len(port.shape) != 4:
        raise InputError(f"{path}: expected one input `1 3 height width` of float, float16 or uint8, got {seen}")
    batch, channels, *sides = port.shape
    if (isinstance(batch, int) and batch != 1) or (isinstance(channels, int) and channels != 3):
        raise InputError(f"{path}: expected one input `1 3 height width`, got {seen}")
    size: list[int] = []
    for name, own, given in zip(("height", "width"), sides, (settings.height, settings.width), strict=True):
        if not isinstance(own, int) and given is None:
            raise InputError(f"{path}: leaves the {name} of its input open; give `{name}` in its settings")
        if isinstance(own, int) and given not in (None, own):
            raise InputError(f"{path}: has an input of {name} {own}, but its settings say {given}")
        chosen = own if isinstance(own, int) else given
        assert chosen is not None, "a side that is open and not given is refused above"
        size.append(chosen)
    if not all(1 <= side <= 4096 for side in size):
        raise InputError(f"{path}: expected an input of at most 4096 pixels per side, got {size[0]} x {size[1]}")
    return (size[0], size[1]), np.dtype(_TYPES[port.type])
