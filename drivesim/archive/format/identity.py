"""The identity of an archive: `drivesim.json` at its root holds the inputs that fix every byte of the rollout.

The identity is the sha256 of the canonical inputs (scenario, checkpoint hashes, seed, engine version), the layout
and the format. A run continues an archive only if it is the same run; it keeps to the format that the archive has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drivesim.archive.files import ArchiveFiles, FileProblem
from drivesim.archive.format.documents import document_kinds, old_documents
from drivesim.archive.format.layout import ArchiveLayout
from drivesim.archive.sealed_json import MAX_SEALED_BYTES, canonical_json, seal, sha256, unseal
from drivesim.errors import InputError

# 1: frames and latents; 2: latents alone; 3: either, documents written by zarr, axes of different sizes named apart.
NEWEST_FORMAT = 3
MANIFEST_FILE = "drivesim.json"
_MAX_DIFFERENCES = 10


@dataclass(frozen=True)
class Manifest:
    """The content of `drivesim.json`: what the archive was made from, and facts for its readers.

    Attributes:
        inputs: JSON that fixes every byte; together with `layout` and `format` it makes the identity.
        layout: Shapes and rates.
        provenance: JSON for people (names, versions, device). It must not hold times, which would make two runs of
            one scenario differ.
        format: Version of the archive format.
        documents: sha256 of the Zarr metadata document of each kind, from format 3 on.
    """

    inputs: dict[str, Any]
    layout: ArchiveLayout
    provenance: dict[str, Any]
    format: int = NEWEST_FORMAT
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """sha256 of format, inputs and layout."""
        return sha256(canonical_json({"format": self.format, "inputs": self.inputs, "layout": self.layout.to_dict()}))

    @property
    def chain_root(self) -> str:
        """sha256 of the file itself, which the first commit record of every future names as its predecessor."""
        return sha256(self.to_bytes())

    @property
    def document_digests(self) -> dict[str, str]:
        """sha256 of the Zarr metadata document of each kind."""
        if self.format >= 3:
            return self.documents
        return {kind: sha256(content) for kind, content in old_documents(self.layout).items()}

    def to_bytes(self) -> bytes:
        """Returns the content of the file."""
        documents = {"documents": self.documents} if self.format >= 3 else {}
        return seal(
            {
                "format": self.format,
                "identity": self.identity,
                "inputs": self.inputs,
                "layout": self.layout.to_dict(),
                "provenance": self.provenance,
                **documents,
            }
        )

    @classmethod
    def create(cls, inputs: dict[str, Any], layout: ArchiveLayout, provenance: dict[str, Any]) -> Manifest:
        """Returns a manifest of plain JSON values, without documents; raises InputError for what JSON cannot hold."""
        return cls(json.loads(canonical_json(inputs)), layout, json.loads(canonical_json(provenance)))

    @classmethod
    def read(cls, files: ArchiveFiles) -> Manifest:
        """Reads the manifest of an archive.

        Raises:
            FileProblem: It is missing or damaged.
            InputError: The archive has a newer format.
        """
        file_content = files.read(MANIFEST_FILE, MAX_SEALED_BYTES)
        try:
            content = unseal(file_content)
            if type(content["format"]) is int and content["format"] > NEWEST_FORMAT:
                raise InputError(
                    f"{files.name}: archive format {content['format']} is newer than this drivesim, which reads "
                    f"formats up to {NEWEST_FORMAT}; install a newer drivesim"
                )
            manifest = cls(
                content["inputs"],
                _stored_layout(content["layout"]),
                content["provenance"],
                content["format"],
                content.get("documents", {}),
            )
            manifest._require_sound_fields()
        except KeyError as error:
            raise FileProblem(MANIFEST_FILE, f"lacks the field {error}") from None
        except InputError:
            raise
        except ValueError as error:
            raise FileProblem(MANIFEST_FILE, str(error)) from None
        if manifest.to_bytes() != file_content:
            raise FileProblem(MANIFEST_FILE, "its identity or its fields do not fit its content")
        return manifest

    def require_same_run(self, other: Manifest, archive: str | Path) -> None:
        """Raises InputError naming what differs, where `other`, which wants to continue, is another run.

        The formats may differ: an archive of an earlier format is continued in that format.
        """
        other = replace(other, format=self.format)
        if other.identity == self.identity:
            return
        mine, theirs = ({**m.inputs, "layout": m.layout.to_dict()} for m in (self, other))
        differences = list(_differences(mine, theirs, ""))
        shown = "; ".join(f"{field}: archive {a}, this run {b}" for field, a, b in differences[:_MAX_DIFFERENCES])
        more = f"; and {len(differences) - _MAX_DIFFERENCES} more" if len(differences) > _MAX_DIFFERENCES else ""
        raise InputError(
            f"{archive} was made by another run (identity {self.identity[:12]}, this run {other.identity[:12]}): "
            f"{shown}{more}. Give another --out, or move the archive away"
        )

    def _require_sound_fields(self) -> None:
        """Raises ValueError where a field has the wrong type, or where the layout and the format do not agree."""
        if not isinstance(self.inputs, dict) or not isinstance(self.provenance, dict):
            raise ValueError("inputs and provenance are not objects")
        if type(self.format) is not int or self.format < 1:
            raise ValueError(f"the format is {self.format!r}")
        if self.format < 3:
            if self.format != (1 if self.layout.keeps_frames else 2):
                raise ValueError(f"format {self.format} does not fit the layout")
            return
        digests = self.documents if isinstance(self.documents, dict) else {}
        kinds = set(document_kinds(replace(self.layout, num_futures=1)).values())
        if set(digests) != kinds or not all(isinstance(digest, str) for digest in digests.values()):
            raise ValueError("documents does not hold the sha256 of each Zarr document")


def _stored_layout(values: Any) -> ArchiveLayout:
    try:
        return ArchiveLayout.from_dict(values)
    except InputError as error:
        raise ValueError(str(error)) from None


def _differences(mine: object, theirs: object, path: str) -> Iterator[tuple[str, str, str]]:
    """Yields (dotted field, mine, theirs) for each leaf that differs."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            inner = f"{path}.{key}" if path else key
            if key not in mine or key not in theirs:
                yield inner, _shown(mine.get(key, "absent")), _shown(theirs.get(key, "absent"))
            else:
                yield from _differences(mine[key], theirs[key], inner)
    elif mine != theirs:
        yield path, _shown(mine), _shown(theirs)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
