"""The Zarr metadata documents (`zarr.json`) of an archive.

zarr writes them; `drivesim.json` then records the sha256 of each kind, so that an edit shows although another version
of zarr may spell its documents differently. Formats 1 and 2 recorded no sha256: their documents had one fixed spelling.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.format.names import METADATA_FILE, rollout_folder

GROUP, FRAMES, LATENTS = "group", "frames", "latents"
FRAME_AXES = ("t", "h", "w", "c")
LATENT_AXES = ("window", "keyframe", "latent_c", "latent_h", "latent_w")
ZSTD_LEVEL = 3
_FRAME_ORDER = (0, 3, 1, 2)  # one plane per colour: they compress better than interleaved colours


def array_names(layout: ArchiveLayout) -> list[str]:
    """Returns the names of the arrays of a future."""
    return [FRAMES, LATENTS] if layout.keeps_frames else [LATENTS]


def document_kinds(layout: ArchiveLayout) -> dict[str, str]:
    """Returns the path of every document inside the archive, with its kind: `group`, `frames` or `latents`."""
    kinds = {METADATA_FILE: GROUP, f"rollouts/{METADATA_FILE}": GROUP}
    for future in range(layout.num_futures):
        folder = rollout_folder(future)
        kinds[f"{folder}/{METADATA_FILE}"] = GROUP
        kinds |= {f"{folder}/{name}/{METADATA_FILE}": name for name in array_names(layout)}
    return kinds


@lru_cache(maxsize=16)
def new_documents(layout: ArchiveLayout) -> dict[str, bytes]:
    """Returns the document of each kind, as zarr writes it for arrays of full shape."""
    import zarr
    from zarr.codecs import TransposeCodec, ZstdCodec
    from zarr.core.buffer import Buffer
    from zarr.storage import MemoryStore

    written: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(written), zarr_format=3)
    common: dict[str, Any] = {
        "compressors": [ZstdCodec(level=ZSTD_LEVEL, checksum=True)],
        "fill_value": 0,
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }
    if layout.keeps_frames:
        group.create_array(
            FRAMES,
            shape=(layout.num_frames, *layout.frame_shape),
            chunks=layout.frame_chunk_shape,
            dtype="uint8",
            filters=[TransposeCodec(order=_FRAME_ORDER)],
            dimension_names=FRAME_AXES,
            attributes={"fps": layout.fps},
            **common,
        )
    group.create_array(
        LATENTS,
        shape=(layout.num_windows, *layout.latent_chunk_shape[1:]),
        chunks=layout.latent_chunk_shape,
        dtype="float32",
        dimension_names=LATENT_AXES,
        attributes={"keyframe_fps": layout.keyframe_fps},
        **common,
    )
    arrays = {name: written[f"{name}/{METADATA_FILE}"].to_bytes() for name in array_names(layout)}
    return {GROUP: written[METADATA_FILE].to_bytes(), **arrays}


def with_consolidated_groups(layout: ArchiveLayout, documents: dict[str, bytes]) -> dict[str, bytes]:
    """Returns every document of a new archive by its path, from the document of each kind.

    Groups repeat the documents below them as consolidated metadata. So zarr and xarray need not look into the folders,
    where they would warn about drivesim's own files.
    """
    kinds = document_kinds(layout)
    written = {file: documents[kind] for file, kind in kinds.items()}
    for group in (file.removesuffix(METADATA_FILE) for file, kind in kinds.items() if kind == GROUP):
        below = {
            file.removeprefix(group).removesuffix(f"/{METADATA_FILE}"): json.loads(documents[kind])
            for file, kind in kinds.items()
            if file.startswith(group) and file != f"{group}{METADATA_FILE}"
        }
        content = json.loads(documents[GROUP])
        content["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": below}
        written[f"{group}{METADATA_FILE}"] = json.dumps(content, indent=2).encode()
    return written


def with_length(document: bytes, length: int) -> bytes:
    """Returns the document of an array whose first axis has another length."""
    content = json.loads(document)
    content["shape"][0] = length
    return json.dumps(content).encode()


def old_documents(layout: ArchiveLayout) -> dict[str, bytes]:
    """Returns the document of each kind as formats 1 and 2 spell it; axes of different sizes share names there."""
    documents = {
        GROUP: _old_document({"zarr_format": 3, "node_type": "group", "attributes": {}}),
        LATENTS: _old_array_document(
            shape=(layout.num_windows, *layout.latent_chunk_shape[1:]),
            chunk_shape=layout.latent_chunk_shape,
            data_type="float32",
            fill_value=0.0,
            axes=("window", "t", "c", "h", "w"),
            codecs=[{"name": "bytes", "configuration": {"endian": "little"}}],
            attributes={"keyframe_fps": layout.keyframe_fps},
        ),
    }
    if layout.keeps_frames:
        documents[FRAMES] = _old_array_document(
            shape=(layout.num_frames, *layout.frame_shape),
            chunk_shape=layout.frame_chunk_shape,
            data_type="uint8",
            fill_value=0,
            axes=FRAME_AXES,
            codecs=[{"name": "transpose", "configuration": {"order": list(_FRAME_ORDER)}}, {"name": "bytes"}],
            attributes={"fps": layout.fps},
        )
    return documents


def _old_array_document(
    *,
    shape: tuple[int, ...],
    chunk_shape: tuple[int, ...],
    data_type: str,
    fill_value: float,
    axes: tuple[str, ...],
    codecs: list[dict[str, Any]],
    attributes: dict[str, Any],
) -> bytes:
    compressor = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": True}}
    return _old_document(
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


def _old_document(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"
