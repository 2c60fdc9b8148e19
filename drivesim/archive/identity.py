"""Who an archive is: `drivesim.json` at its root, with the inputs that fix every byte of the rollout.

The identity is the sha256 of the canonical inputs (scenario, checkpoint hashes, seed, engine version), the layout
and the format. A run continues an archive only if it is the same run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from drivesim.archive.files import FileProblem, read_file
from drivesim.archive.layout import ArchiveLayout
from drivesim.archive.sealed_json import MAX_SEALED_BYTES, canonical_json, seal, sha256, unseal
from drivesim.errors import InputError

NEWEST_FORMAT = 2  # 1: frames and latents; 2: latents alone
MANIFEST_FILE = "drivesim.json"
_MAX_DIFFERENCES = 10


@dataclass(frozen=True)
class Manifest:
    """The content of `drivesim.json`: what the archive was made from, and facts for its readers.

    `inputs` and `layout` make the identity. `provenance` is for people (names, versions, device); it must not hold
    times, which would make two runs of one scenario differ.
    """

    inputs: dict
    layout: ArchiveLayout
    provenance: dict

    @property
    def format(self) -> int:
        """The version of the archive format, the lowest that can say what this archive holds."""
        return 1 if self.layout.keeps_frames else NEWEST_FORMAT

    @property
    def identity(self) -> str:
        """sha256 of format, inputs and layout."""
        return sha256(canonical_json({"format": self.format, "inputs": self.inputs, "layout": self.layout.to_dict()}))

    @property
    def chain_root(self) -> str:
        """sha256 of the file itself, which the first commit record of every future names as its predecessor."""
        return sha256(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The file."""
        return seal(
            {
                "format": self.format,
                "identity": self.identity,
                "inputs": self.inputs,
                "layout": self.layout.to_dict(),
                "provenance": self.provenance,
            }
        )

    @classmethod
    def create(cls, inputs: dict, layout: ArchiveLayout, provenance: dict) -> Manifest:
        """A manifest of plain JSON values; raises InputError for what JSON cannot hold."""
        return cls(json.loads(canonical_json(inputs)), layout, json.loads(canonical_json(provenance)))

    @classmethod
    def read(cls, archive: Path) -> Manifest:
        """The manifest of an archive; raises FileProblem where it is damaged, InputError for a newer format."""
        file_content = read_file(archive, MANIFEST_FILE, MAX_SEALED_BYTES)
        try:
            content = unseal(file_content)
            if isinstance(content.get("format"), int) and content["format"] > NEWEST_FORMAT:
                raise InputError(
                    f"{archive}: archive format {content['format']} is newer than this drivesim, which reads formats "
                    f"up to {NEWEST_FORMAT}; install a newer drivesim"
                )
            manifest = cls(content["inputs"], _stored_layout(content["layout"]), content["provenance"])
            if not isinstance(manifest.inputs, dict) or not isinstance(manifest.provenance, dict):
                raise ValueError("inputs and provenance are not objects")
        except KeyError as error:
            raise FileProblem(MANIFEST_FILE, f"lacks the field {error}") from None
        except InputError:
            raise
        except ValueError as error:
            raise FileProblem(MANIFEST_FILE, str(error)) from None
        if manifest.to_bytes() != file_content:
            raise FileProblem(MANIFEST_FILE, "its identity or its fields do not fit its content")
        return manifest

    def require_same_run(self, other: Manifest, archive: Path) -> None:
        """Raise InputError naming what differs, where `other`, which wants to continue, is another run."""
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


def _stored_layout(values: object) -> ArchiveLayout:
    try:
        return ArchiveLayout.from_dict(values)
    except InputError as error:
        raise ValueError(str(error)) from None


def _differences(mine: object, theirs: object, field: str):
    """Yield (dotted field, mine, theirs) for each leaf that differs."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            inner = f"{field}.{key}" if field else key
            if key not in mine or key not in theirs:
                yield inner, _shown(mine.get(key, "absent")), _shown(theirs.get(key, "absent"))
            else:
                yield from _differences(mine[key], theirs[key], inner)
    elif mine != theirs:
        yield field, _shown(mine), _shown(theirs)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
