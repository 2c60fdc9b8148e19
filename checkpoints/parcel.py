"""Packs what a training left into a few small files, and unpacks them into a set of checkpoints.

    python checkpoints/parcel.py pack FOLDER OUT [BASE]       # FOLDER: --out of `drivesim train chain`
    python checkpoints/parcel.py unpack OUT FOLDER [BASE]

OUT gets at most eight files of at most 16 MiB, 64 MiB in all: `report.md` and `contents.json` to read, `SHA256SUMS`,
and parts of one archive. What does not fit is left out, pictures first, and `contents.json` names it. Checkpoints that
BASE (default: `demo` beside this file) holds just so are not packed; `unpack` takes them from there. It compares every
part and every checkpoint with its sha256. Only Python's own library is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

MIB = 2**20
PART_BYTES, MOST_BYTES = 16 * MIB, 62 * MIB
"""Of a part of the archive, and of all that is packed; the rest is for the files that are to be read."""
PARTS, CONTENTS, SUMS = "result.tar.gz.", "contents.json", "SHA256SUMS"
_PICTURES_PER_STAGE = 2
_LOG_BYTES = MIB


class ParcelError(Exception):
    """What was to be unpacked is damaged or incomplete."""


def pack(folder: Path, out: Path, base: Path) -> None:
    """Packs checkpoints, manifest, reports, metrics, the log and a few pictures of a training into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    packed, left_out, size = [], [], 0
    for path in wanted_files(folder, base):
        if size + path.stat().st_size > MOST_BYTES:
            left_out.append(path)
            continue
        size += path.stat().st_size
        packed.append(path)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
        for path in packed:
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
    content = archive.getvalue()
    for old in out.glob(f"{PARTS}*"):
        old.unlink()
    for number, start in enumerate(range(0, len(content), PART_BYTES)):
        (out / f"{PARTS}{number:02d}").write_bytes(content[start : start + PART_BYTES])
    listed = {key: [path.relative_to(folder).as_posix() for path in paths] for key, paths in
              (("packed", packed), ("left_out", left_out))}  # fmt: skip
    (out / CONTENTS).write_text(json.dumps(listed, indent=1) + "\n")
    report = folder / "training" / "report.md"
    if report.is_file():
        (out / report.name).write_bytes(report.read_bytes())
    sums = [f"{sha256(path)}  {path.name}" for path in sorted(out.iterdir()) if path.name != SUMS and path.is_file()]
    (out / SUMS).write_text("\n".join([*sums, ""]))


def wanted_files(folder: Path, base: Path) -> Iterator[Path]:
    """The files to pack, those that matter most first."""
    training = folder / "training"
    for path in (folder / "manifest.json", training / "report.json", training / "report.md", training / "log.txt"):
        if path.is_file() and path.stat().st_size <= _LOG_BYTES:
            yield path
    yield from sorted(training.glob("*/metrics.csv"))
    for path in sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_size):
        same = base / path.name
        if not same.is_file() or sha256(same) != sha256(path):
            yield path
    for stage in sorted(path for path in training.glob("*") if path.is_dir()):
        pictures = sorted(stage.glob("*.png"), key=lambda path: path.stem.rpartition("_")[2])
        yield from reversed(pictures[-_PICTURES_PER_STAGE:])


def unpack(out: Path, folder: Path, base: Path) -> None:
    """Verifies the files in `out` and unpacks them; `folder` is then a set of checkpoints.

    Raises ParcelError where a file is missing or damaged, or where a checkpoint of the set is in none of both.
    """
    for line in read(out / SUMS).decode().splitlines():
        digest, _, name = line.partition("  ")
        if hashlib.sha256(read(out / name)).hexdigest() != digest:
            raise ParcelError(f"{out / name}: its sha256 is not the one in {SUMS}; fetch it again")
    content = b"".join(path.read_bytes() for path in sorted(out.glob(f"{PARTS}*")))
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        tar.extractall(folder, filter="data")
    for role, digest in json.loads(read(folder / "manifest.json"))["sha256"].items():
        path, same = folder / f"{role}.safetensors", base / f"{role}.safetensors"
        if not path.is_file() and same.is_file() and sha256(same) == digest:
            path.write_bytes(same.read_bytes())
        if not path.is_file() or sha256(path) != digest:
            raise ParcelError(f"{path}: neither the parcel nor {base} holds the checkpoint that the manifest names")


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> bytes:
    """The content of a file; ParcelError where it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParcelError(f"{path}: {error.strerror}") from None


def main(arguments: list[str]) -> int | str:
    """Exit code, or what is wrong."""
    actions = {"pack": pack, "unpack": unpack}
    if len(arguments) not in (3, 4) or arguments[0] not in actions:
        return __doc__
    places = [Path(argument) for argument in arguments[1:]]
    try:
        actions[arguments[0]](*places[:2], places[2] if len(places) == 3 else Path(__file__).parent / "demo")
    except ParcelError as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
