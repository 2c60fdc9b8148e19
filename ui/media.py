"""Rendered pictures that the page shows: kept in memory under random ids, the oldest dropped first."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import cv2
import numpy as np

MAX_BYTES = 96 << 20
_JPEG_QUALITY = 92


def jpeg(pixels: np.ndarray) -> bytes:
    """A frame, uint8 `h w 3` RGB, as JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


class ByteCache:
    """Keeps byte strings by key up to a total size; safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._size = max_bytes, 0
        self._kept: OrderedDict[object, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> bytes | None:
        """What is kept under a key; None where nothing is, or no longer."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: object, content: bytes) -> None:
        """Keeps content under a key, and drops what was used longest ago where there is too much."""
        with self._lock:
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._size > self._max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)


class Media:
    """Pictures of one server; the page gets them from `/media/picture/<id>`."""

    def __init__(self) -> None:
        self._cache = ByteCache()

    def add(self, pixels: np.ndarray) -> str:
        """Keeps a frame, uint8 `h w 3` RGB; returns the address to show it at."""
        key = secrets.token_urlsafe(12)
        self._cache.put(key, jpeg(pixels))
        return f"/media/picture/{key}"

    def get(self, key: str) -> bytes | None:
        """The JPEG of an id."""
        return self._cache.get(key)
