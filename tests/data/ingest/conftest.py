"""Footage that the tests make: frames whose pattern moves, as videos and pictures, and what becomes of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog, list_drive_logs
from drivesim.data.ingest.conversion.conversion import convert
from drivesim.data.ingest.conversion.tools import Tools
from drivesim.data.ingest.recording import Recording, Rejected
from drivesim.data.ingest.settings import IngestSettings

# The networks that the tests of detectors build serve here too.
_file = Path(__file__).parents[2] / "detection" / "onnx" / "conftest.py"
_spec = importlib.util.spec_from_file_location("onnx_networks", _file)
_networks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_networks)
bright_box_network = _networks.bright_box_network

HEIGHT, WIDTH = 160, 320


class Footage:
    """Makes files of footage below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def frame(self, number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
        """A bright frame, uint8 `h w 3`; the pattern moves by five pixels from one number to the next."""
        pattern = np.random.default_rng(0).integers(90, 256, (24, 48, 3), np.uint8)
        wide = cv2.resize(pattern, (2 * width, height), interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(np.roll(wide, 5 * number, axis=1)[:, :width])

    def video(
        self,
        name: str = "drive.mp4",
        frames: int | Sequence[np.ndarray] = 40,
        times_s: Sequence[float] | None = None,
        fps: int = 20,
        codec: str = "libx264",
        format: str | None = None,
        b_frames: int = 0,
    ) -> Path:
        """A video of frames (or of so many moving ones) at the given times, by default at a constant rate."""
        pictures = [self.frame(number) for number in range(frames)] if isinstance(frames, int) else frames
        times = [number / fps for number in range(len(pictures))] if times_s is None else times_s
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format=format) as container:
            stream = container.add_stream(codec, rate=fps)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            ticks = fps if format == "avi" else 1000  # an AVI has one tick per frame
            stream.codec_context.time_base = Fraction(1, ticks)
            stream.options = {"crf": "10", "preset": "ultrafast", "x265-params": "log-level=none"}
            stream.codec_context.max_b_frames = b_frames
            for picture, time_s in zip(pictures, times, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = round(ticks * time_s), Fraction(1, ticks)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    def picture(self, name: str, number: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Path:
        """A moving frame as PNG or JPEG."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), self.frame(number, height, width)[..., ::-1])
        return path

    def text(self, name: str, content: str) -> Path:
        """A text file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path


@pytest.fixture
def footage(tmp_path: Path) -> Footage:
    return Footage(tmp_path / "source")


@pytest.fixture
def converted(tmp_path: Path) -> Callable[..., list[DriveLog]]:
    """Converts recordings in this process, and gives the drive logs; nothing may be rejected."""

    def run(found: Iterable[Recording | Rejected], settings: IngestSettings | None = None) -> list[DriveLog]:
        out = tmp_path / "logs"
        out.mkdir(exist_ok=True)
        with Tools.of(settings or IngestSettings()) as tools:
            for recording in found:
                assert isinstance(recording, Recording), recording
                for _ in convert(recording, out, tools):
                    pass
        return [DriveLog.open(folder) for folder in list_drive_logs(out)]

    return run
