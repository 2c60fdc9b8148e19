"""Pictures that a scenario of this page may start from: uploaded photos, and frames of earlier futures."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from pathlib import Path

import cv2
import numpy as np

from drivesim.errors import InputError
from drivesim.scenario import FRAME_HEIGHT_PX, FRAME_WIDTH_PX, read_picture

MAX_UPLOAD_BYTES = 8 << 20
MAX_PICTURES = 500
_MAX_WIDTH_PX, _MAX_HEIGHT_PX = 2 * FRAME_WIDTH_PX, 2 * FRAME_HEIGHT_PX
_NAME = re.compile(r"(?:photo|frame)-[0-9a-f]{16}\.png")
_PNG = b"\x89PNG\r\n\x1a\n"


class Pictures:
    """A folder of PNG files that are named by their content. A client sends their names and never a path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _NAME.fullmatch(name) is not None and (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        """Returns the path of a picture.

        Raises:
            InputError: No picture has this name.
        """
        if name not in self:
            raise InputError("there is no such picture here; upload it again")
        return self.folder / name

    def add_upload(self, content: bytes) -> str:
        """Stores an uploaded PNG that is twice as wide as high, and returns its name.

        Raises:
            InputError: The content is not a PNG, has a wrong size or shape, or the folder is full.
        """
        if len(content) > MAX_UPLOAD_BYTES:
            raise InputError(f"the picture is larger than {MAX_UPLOAD_BYTES >> 20} MiB")
        if not content.startswith(_PNG) or len(content) < 24:
            raise InputError("expected a PNG picture")
        width, height = struct.unpack(">II", content[16:24])
        if width > _MAX_WIDTH_PX or height > _MAX_HEIGHT_PX:
            raise InputError(f"expected at most {_MAX_WIDTH_PX}×{_MAX_HEIGHT_PX} pixels, got {width}×{height}")
        self.folder.mkdir(parents=True, exist_ok=True)
        received = self.folder / f".upload-{hashlib.sha256(content).hexdigest()[:16]}.png"
        try:
            received.write_bytes(content)
            pixels = read_picture(received)
        except InputError as error:
            raise InputError(str(error).replace(f"{received}: ", "the picture: ")) from None
        finally:
            received.unlink(missing_ok=True)
        return self._add("photo", pixels)

    def add_frame(self, pixels: np.ndarray) -> str:
        """Stores a frame, uint8 `h w 3` RGB, without loss, and returns its name.

        Raises:
            InputError: The folder is full.
        """
        return self._add("frame", pixels)

    def _add(self, kind: str, pixels: np.ndarray) -> str:
        _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        name = f"{kind}-{hashlib.sha256(encoded.tobytes()).hexdigest()[:16]}.png"
        path = self.folder / name
        if path.is_file():
            return name
        self.folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in self.folder.glob("*.png")) >= MAX_PICTURES:
            raise InputError(f"{self.folder} holds {MAX_PICTURES} pictures already; remove some of them")
        temporary = path.with_suffix(f".{os.getpid()}.part")
        temporary.write_bytes(encoded.tobytes())
        os.replace(temporary, path)
        return name
