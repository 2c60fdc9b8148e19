"""A zip of files that is sent while it is made, so that it takes neither memory nor disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20


def zipped(root: Path, files: list[Path]) -> Iterator[bytes]:
    """A zip of files below a folder, under the folder's name, piece by piece; nothing is compressed again."""
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
    """A file that only passes on what is written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, content: bytes) -> int:
        self.pieces.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken, self.pieces = b"".join(self.pieces), []
        return taken
