"""Gathers the wheels that `train_on_gpu.sh` needs, for a machine with a GPU and no network.

    python checkpoints/gather_wheels.py FOLDER

That machine is expected to have Python 3.12 on x86-64 Linux with PyTorch for CUDA, numpy, scipy, OpenCV, einops, typer,
rich, PyYAML and safetensors. What drivesim imports besides to record and to train is downloaded here, in the versions
of `constraints.txt`. Large wheels lose what training never opens, so that all of them take 31 MiB.
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

PYTHON = "3.12"
PLATFORMS = [f"manylinux_2_{n}_x86_64" for n in (28, 27, 17)] + ["manylinux2014_x86_64", "manylinux1_x86_64"]
EVERYTHING = ("*",)
PACKAGES = {
    "annotated-types": EVERYTHING,
    "pydantic": EVERYTHING,
    "pydantic_core": EVERYTHING,
    "typing_extensions": EVERYTHING,
    "typing-inspection": EVERYTHING,
    # The software rasteriser and what it links.
    "Panda3D": (
        "panda3d/__init__.py",
        "panda3d/dtoolconfig.py",
        "panda3d/core.*",
        "panda3d/interrogatedb.*",
        "panda3d/etc/*",
        "panda3d/libpanda.so.*",
        "panda3d/libpandaexpress.so.*",
        "panda3d/libp3dtool.so.*",
        "panda3d/libp3dtoolconfig.so.*",
        "panda3d/libp3interrogatedb.so.*",
        "panda3d/libp3tinydisplay.so",
        "panda3d/libCg.so",
        "panda3d/libxcb.so.*",
        "panda3d/libXau.so.*",
        "*.dist-info/*",
    ),
    # The weights of the perceptual distance; the package itself is never imported.
    "stlpips_pytorch": ("stlpips_pytorch/__init__.py", "*/alex_shift_tolerant.pth", "*.dist-info/*"),
}
"""Each package, and the files of it that are kept."""

SYSTEM_LIBRARY = "libX11.so.6"
"""The rasteriser links it, though it opens no window; machines without a screen often lack it."""


def main(folder: Path) -> int:
    """Fills the folder and says how large it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kept in PACKAGES.items():
        wheel = download(requirement(name), folder)
        if kept is not EVERYTHING:
            library = system_library() if name == "Panda3D" else None
            slim(wheel, kept, {} if library is None else {f"panda3d/{SYSTEM_LIBRARY}": library})
    sizes = {wheel.name: wheel.stat().st_size for wheel in sorted(folder.glob("*.whl"))}
    for name, size in sizes.items():
        print(f"{size / 2**20:7.2f} MiB  {name}")
    print(f"{sum(sizes.values()) / 2**20:7.2f} MiB  in all")
    return 0


def requirement(name: str) -> str:
    """The package with its version in `constraints.txt`."""
    lines = (Path(__file__).parent.parent / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if re.fullmatch(rf"{re.escape(name)}==\S+", line))


def download(package: str, folder: Path) -> Path:
    """Downloads one wheel without what it depends on, and returns its path."""
    platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
    for old in folder.glob(package.partition("==")[0].replace("-", "_").lower() + "-*.whl"):
        old.unlink()  # a second version of a package would end the installation
    before = set(folder.glob("*.whl"))
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *platforms, "-d", folder, package], check=True)
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


def slim(wheel: Path, kept: tuple[str, ...], added: dict[str, bytes]) -> None:
    """Leaves of a wheel the files that fit one of the patterns, adds others, and lists them all in its RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if any(fnmatch(name, pattern) for pattern in kept)]
        files = {name: archive.read(name) for name in names if not name.endswith("/")} | added
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    del files[record]
    rows = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    partial = wheel.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    partial.replace(wheel)


def system_library() -> bytes | None:
    """This machine's copy of a library that the rasteriser links; None, with a warning, where it has none."""
    for folder in ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if (path := Path(folder, SYSTEM_LIBRARY)).is_file():
            return path.read_bytes()
    print(f"{SYSTEM_LIBRARY} is not on this machine; recording needs it on the other one", file=sys.stderr)
    return None


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
