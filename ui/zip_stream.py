"""A zip file that is sent while it is created, so that it takes neither memory nor disk space."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20


def zipped(root: Path, files: list[Path]) -> Iterator[bytes]:
    """Yields a zip file of files below a folder, under the folder's name, in chunks and without compression."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            name = f"{root.name}/{path.relative_to(root).as_posix()}"
            with path.open("rb") as file, archive.open(name, "w", force_zip64=True) as member:
                while piece := file.read(_PIECE):
                    member.write(piece)
                    yield sink.take()
            yield sink.take()
    yield sink.take()


class _Sink:
    """A file that collects written data until it is sent."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, content: bytes) -> int:
        self.pieces.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Does nothing, because no data is buffered."""

    def close(self) -> None:
        """Does nothing, because there is no file to close."""

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken
