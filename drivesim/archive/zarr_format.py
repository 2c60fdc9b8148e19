"""The Zarr v3 side of an archive: metadata documents, chunk names, and chunks to and from bytes.

The documents are a pure function of the layout, so they are compared with what is expected and never believed;
only after that is memory taken. Writing chunks here, rather than through a Zarr library, gives control of each
file's bytes and of every fsync; any Zarr v3 library reads the result (a test opens it with zarr-python).
"""

from __future__ import annotations

import json
import math
from types import ModuleType

import numpy as np
from einops import rearrange

from drivesim.archive.layout import ArchiveLayout

ZSTD_LEVEL = 3
METADATA_FILE = "zarr.json"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def rollout_folder(future: int) -> str:
    """The folder of a future inside the archive."""
    return f"rollouts/{future:04d}"


def frame_chunk_file(chunk: int) -> str:
    """The file of a chunk of frames, inside the future's folder."""
    return f"frames/c.{chunk}.0.0.0"


def latent_chunk_file(window: int) -> str:
    """The file of a window's latents, inside the future's folder."""
    return f"latents/c.{window}.0.0.0.0"


def window_files(layout: ArchiveLayout, window: int) -> list[str]:
    """Every chunk file of a window, inside the future's folder."""
    return [latent_chunk_file(window), *(frame_chunk_file(chunk) for chunk in layout.frame_chunks(window))]


def metadata_files(layout: ArchiveLayout) -> dict[str, bytes]:
    """Path inside the archive -> exact content of every Zarr metadata document."""
    group = _document({"zarr_format": 3, "node_type": "group", "attributes": {}})
    frames = _array_document(
        shape=(layout.num_frames, *layout.frame_shape),
        chunk_shape=layout.frame_chunk_shape,
        data_type="uint8",
        fill_value=0,
        axes=("t", "h", "w", "c"),
        codecs=[{"name": "transpose", "configuration": {"order": [0, 3, 1, 2]}}, {"name": "bytes"}],
        attributes={"fps": layout.fps},
    )
    latents = _array_document(
        shape=(layout.num_windows, *layout.latent_chunk_shape[1:]),
        chunk_shape=layout.latent_chunk_shape,
        data_type="float32",
        fill_value=0.0,
        axes=("window", "t", "c", "h", "w"),
        codecs=[{"name": "bytes", "configuration": {"endian": "little"}}],
        attributes={"keyframe_fps": layout.keyframe_fps},
    )
    files = {METADATA_FILE: group, f"rollouts/{METADATA_FILE}": group}
    for future in range(layout.num_futures):
        folder = rollout_folder(future)
        files[f"{folder}/{METADATA_FILE}"] = group
        if layout.keeps_frames:
            files[f"{folder}/frames/{METADATA_FILE}"] = frames
        files[f"{folder}/latents/{METADATA_FILE}"] = latents
    return files


def encode_frames(frames: np.ndarray, layout: ArchiveLayout) -> bytes:
    """uint8 (t, h, w, c) -> a chunk; a short last chunk is filled up with zeros, as Zarr wants it."""
    full = np.zeros(layout.frame_chunk_shape, np.uint8)
    full[: len(frames)] = frames
    return _zstd().compress(np.ascontiguousarray(rearrange(full, "t h w c -> t c h w")), ZSTD_LEVEL, True)


def decode_frames(content: bytes, layout: ArchiveLayout) -> np.ndarray:
    """A chunk -> uint8 (t, h, w, c) of full chunk length; raises ValueError where it is not such a chunk."""
    frames, height, width, channels = layout.frame_chunk_shape
    planes = _decompress(content, (frames, channels, height, width), np.uint8)
    return rearrange(planes, "t c h w -> t h w c")


def encode_latents(latents: np.ndarray) -> bytes:
    """float32 (t, c, h, w) -> a chunk."""
    return _zstd().compress(np.ascontiguousarray(latents, "<f4"), ZSTD_LEVEL, True)


def decode_latents(content: bytes, layout: ArchiveLayout) -> np.ndarray:
    """A chunk -> float32 (t, c, h, w); raises ValueError where it is not such a chunk."""
    return _decompress(content, layout.latent_chunk_shape[1:], np.float32)


def max_chunk_bytes(layout: ArchiveLayout) -> int:
    """The most bytes that a chunk file of either array can hold: zstd's bound for data that does not compress."""
    raw = max(4 * math.prod(layout.latent_chunk_shape), math.prod(layout.frame_chunk_shape))
    return raw + raw // 128 + 1024


def _zstd() -> ModuleType:
    """The compressor, imported where a chunk is read or written: training uses this package without any."""
    from numcodecs import zstd

    return zstd


def _decompress(content: bytes, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    array = np.empty(shape, np.dtype(dtype).newbyteorder("<"))
    if _decompressed_size(content) != array.nbytes:
        raise ValueError(f"not {array.nbytes} bytes in zstd")
    try:
        _zstd().decompress(content, array)
    except RuntimeError as error:
        raise ValueError(f"zstd: {error}") from error
    return array


def _decompressed_size(content: bytes) -> int | None:
    """The size that a zstd frame declares (RFC 8878, 3.1.1.1), so that a small file cannot claim all memory."""
    if content[:4] != _ZSTD_MAGIC or len(content) < 9:
        return None
    descriptor = content[4]
    single_segment = descriptor >> 5 & 1
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    start = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(content[start : start + size_bytes], "little")
    return size + 256 if size_bytes == 2 else size


def _array_document(*, shape, chunk_shape, data_type, fill_value, axes, codecs, attributes) -> bytes:
    compressor = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": True}}
    return _document(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(shape),
            "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": fill_value,
            "codecs": [*codecs, compressor],
            "attributes": attributes,
            "dimension_names": list(axes),
        }
    )


def _document(content: dict) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
