"""The resources that conversions share: the settings, the user's open networks and the mask."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np

from drivesim.data.ingest.labels.redaction import redacted
from drivesim.data.ingest.media import pictures
from drivesim.data.ingest.media.files import read_regular
from drivesim.data.ingest.placement import Placement
from drivesim.data.ingest.settings import IngestSettings
from drivesim.detection.onnx.detector import OnnxDetector


@dataclass
class Tools:
    """The resources that conversions share, the user's open networks and the mask; a context manager."""

    settings: IngestSettings
    detector: OnnxDetector | None = None
    blur: OnnxDetector | None = None
    mask: np.ndarray | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, settings: IngestSettings) -> Self:
        """Opens the files that the settings name.

        Raises:
            InputError: A file cannot be used.
        """
        tools = cls(settings)
        try:
            if settings.detector is not None:
                opened = OnnxDetector.open(settings.detector, settings.detector_settings)
                tools.detector = tools._open.enter_context(opened)
            if settings.blur is not None:
                tools.blur = tools._open.enter_context(OnnxDetector.open(settings.blur, settings.blur_settings))
            if settings.mask is not None:
                content = read_regular(settings.mask, pictures.MAX_FILE_BYTES)
                tools.mask = pictures.decoded_picture(content, settings.mask).max(2) >= 128
        except BaseException:
            tools._open.close()
            raise
        return tools

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        """Returns a frame of the source after everything that hides people has been applied."""
        if self.settings.redact is not None:
            pixels = self.settings.redact(pixels)
        return pixels if self.blur is None else redacted(pixels, self.blur)

    def used_pixels(self, placement: Placement, size: tuple[int, int]) -> np.ndarray | None:
        """Returns the mask in frames of the log, bool `h w`, for a source of (height, width); None without a mask."""
        if self.mask is None:
            return None
        fitted = cv2.resize(self.mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0
        return placement.mask(fitted)
