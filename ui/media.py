"""Rendered pictures that the page shows. They are kept in memory under random ids, and the oldest are dropped first."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import cv2
import numpy as np

MAX_BYTES = 96 << 20
_JPEG_QUALITY = 92


def jpeg(pixels: np.ndarray) -> bytes:
    """Returns a frame, uint8 `h w 3` RGB, as JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


class ByteCache:
    """A cache of byte strings with a limit on their total size; it is safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._size = max_bytes, 0
        self._kept: OrderedDict[object, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object) -> bytes | None:
        """Returns the content under a key, or None if there is none or it has been dropped."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: object, content: bytes) -> None:
        """Stores content under a key, and drops the least recently used entries if the cache is too large."""
        with self._lock:
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._size > self._max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)


class Media:
    """The pictures of one server, which the page loads from `/media/picture/<id>`."""

    def __init__(self) -> None:
        self._cache = ByteCache()

    def add(self, pixels: np.ndarray) -> str:
        """Stores a frame, uint8 `h w 3` RGB, and returns its address."""
        key = secrets.token_urlsafe(12)
        self._cache.put(key, jpeg(pixels))
        return f"/media/picture/{key}"

    def get(self, key: str) -> bytes | None:
        """Returns the JPEG with an id, or None."""
        return self._cache.get(key)
