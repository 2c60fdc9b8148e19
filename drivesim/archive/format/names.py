"""Names and size limits of the files of an archive, all of which follow from its layout."""

from __future__ import annotations

import math

from drivesim.archive.format.layout import ArchiveLayout

METADATA_FILE = "zarr.json"
COMMIT_FOLDER = "_commit"
HEAD_FILE = f"{COMMIT_FOLDER}/head.json"
_SYSTEM_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_SYSTEM_PREFIXES = (".nfs", "._")


def rollout_folder(future: int) -> str:
    """Returns the folder of a future inside the archive."""
    return f"rollouts/{future:04d}"


def record_file(window: int) -> str:
    """Returns the commit record of a window, inside the future's folder."""
    return f"{COMMIT_FOLDER}/{window:06d}.json"


def frame_chunk_file(chunk: int) -> str:
    """Returns the file of a chunk of frames, inside the future's folder."""
    return f"frames/c.{chunk}.0.0.0"


def latent_chunk_file(window: int) -> str:
    """Returns the file of a window's latents, inside the future's folder."""
    return f"latents/c.{window}.0.0.0.0"


def window_files(layout: ArchiveLayout, window: int) -> list[str]:
    """Returns every chunk file of a window, inside the future's folder."""
    return [latent_chunk_file(window), *(frame_chunk_file(chunk) for chunk in layout.frame_chunks(window))]


def chunk_bytes(layout: ArchiveLayout, file: str) -> int:
    """Returns the number of bytes that a chunk file (inside the future's folder) holds once it is decompressed."""
    return (
        4 * math.prod(layout.latent_chunk_shape) if file.startswith("latents/") else math.prod(layout.frame_chunk_shape)
    )


def max_chunk_file_bytes(layout: ArchiveLayout) -> int:
    """Returns the largest possible size of a chunk file: zstd's bound for data that does not compress."""
    largest = max(4 * math.prod(layout.latent_chunk_shape), math.prod(layout.frame_chunk_shape))
    return largest + largest // 128 + 1024


def is_system_file(name: str) -> bool:
    """Tells whether an operating system leaves files of this name in any folder that somebody looks into."""
    return name in _SYSTEM_FILES or name.startswith(_SYSTEM_PREFIXES)
