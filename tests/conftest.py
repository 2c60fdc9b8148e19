"""Checkpoints of every stage, tiny and random, for all tests that need a whole chain; full disks and kills."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

# How long an example takes depends on what else the machine does, so no test may fail for it.
hypothesis.settings.register_profile("drivesim", deadline=None)
hypothesis.settings.load_profile("drivesim")

_NEW_MOUNTS, _NEW_USERS = 0x0002_0000, 0x1000_0000  # clone(2)
_REMOUNT, _RECURSIVE, _PRIVATE = 0x20, 0x4000, 0x4_0000  # mount(2)


class SmallDisk:
    """A file system of a size in bytes that can be changed, at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mount(0, "size=1m,nr_inodes=1000")

    def resize(self, size: int, files: int = 1000) -> None:
        """It now holds up to `size` bytes, in whole pages, and `files` files and folders, itself one of them."""
        self._mount(_REMOUNT, f"size={size},nr_inodes={files}")

    def _mount(self, flags: int, options: str) -> None:
        path = os.fsencode(self.folder)
        if ctypes.CDLL(None, use_errno=True).mount(b"none", path, b"tmpfs", flags, options.encode()):
            raise PermissionError(ctypes.get_errno(), f"mount: {os.strerror(ctypes.get_errno())}")


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Callable[[Callable[[SmallDisk], None]], None]:
    """Calls a function with a small disk, in a child process that has mounts of its own and loses them at its end.

    The test is skipped where this process may not mount anything, as the function was not called.
    """

    def call(function: Callable[[SmallDisk], None]) -> None:
        folder = tmp_path / "disk"
        folder.mkdir()
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                try:
                    _leave_namespace()
                    disk = SmallDisk(folder)
                except PermissionError:
                    os._exit(2)
                function(disk)
                os._exit(0)
            except BaseException:
                os.write(theirs, traceback.format_exc().encode()[-60_000:])
                os._exit(1)
        os.close(theirs)
        with open(ours, errors="replace") as told:
            problem = told.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 2), problem
        if code == 2:
            pytest.skip("this user may not mount a file system")

    return call


def _leave_namespace() -> None:
    """Mounts of this process are from now on its own; as a user, in a namespace of users too."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(_NEW_MOUNTS if user == 0 else _NEW_MOUNTS | _NEW_USERS):
        raise PermissionError(ctypes.get_errno(), "unshare")
    if user:
        for file, content in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path(f"/proc/self/{file}").write_text(content)
    if libc.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None):
        raise PermissionError(ctypes.get_errno(), "mount")


_FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "os.truncate"}


@pytest.fixture
def killed_at() -> Callable[[Callable[[], object], int], bool]:
    """Calls a function in a child that kill -9 ends at its n-th file operation; False where it came to its end."""

    def call(function: Callable[[], object], kill_at: int) -> bool:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _kill_after(kill_at)
                function()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    return call


def _kill_after(operations: int) -> None:
    """Ends this process at the next file operation but `operations`: events of Python's audit hook, fsync, and write,
    half of which is done.
    """
    left, folders = [operations], (sys.prefix, sys.base_prefix, str(Path(__file__).parent.parent))
    fsync, write = os.fsync, os.write

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def event(name: str, arguments: tuple) -> None:
        if name in _FILE_EVENTS and not str(arguments[0]).startswith((*folders, "/dev/null", "/proc", "/sys")):
            count()

    def counted_fsync(descriptor: int) -> None:
        count()
        fsync(descriptor)

    def half_write(descriptor: int, content: bytes | memoryview) -> int:
        if left[0] == 0:
            write(descriptor, content[: len(content) // 2])
        count()
        return write(descriptor, content)

    os.fsync, os.write = counted_fsync, half_write
    sys.addaudithook(event)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder, in memory where the system has one: some tests sync files thousands of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """Path -> sha256 of every file below a folder, and "folder" of every folder."""

    def read(root: Path) -> dict[str, str]:
        return {
            str(path.relative_to(root)): "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
        }

    return read


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of the tiny preset, no parameter of which is at its trivial initial value."""
    import torch

    from drivesim.models.checkpoints import BASE_OF, ROLES, build, save_checkpoint, sha256_of, write_manifest
    from drivesim.models.presets import tiny

    folder, preset, generator = tmp_path_factory.mktemp("tiny"), tiny(), torch.Generator().manual_seed(0)
    for role in ROLES:
        module = build(role, preset)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
        base = sha256_of(folder / f"{BASE_OF[role]}.safetensors") if role in BASE_OF else None
        save_checkpoint(folder / f"{role}.safetensors", module, role, base)
    write_manifest(folder, preset)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoints_with_detector(tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a random detector that takes parts of a frame for vehicles: more in one frame, fewer in another."""
    import torch

    from drivesim.models.checkpoints import VEHICLE_DETECTOR, build, save_checkpoint, write_manifest
    from drivesim.models.presets import tiny

    folder, preset, generator = tmp_path_factory.mktemp("reading") / "tiny", tiny(), torch.Generator().manual_seed(0)
    shutil.copytree(tiny_checkpoints, folder)
    detector = build(VEHICLE_DETECTOR, preset)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    save_checkpoint(folder / f"{VEHICLE_DETECTOR}.safetensors", detector, VEHICLE_DETECTOR)
    write_manifest(folder, preset)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoints_with_layouts(
    tiny_checkpoints_with_detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same with layouts: 20 of each crowdedness from 0 to 4, which hold as many boxes, elsewhere in each."""
    import numpy as np

    from drivesim.models.checkpoints import LAYOUTS, save_checkpoint, write_manifest
    from drivesim.models.layout_prior import LayoutPrior
    from drivesim.models.presets import tiny

    folder, rng, crowdedness = (
        tmp_path_factory.mktemp("layouts") / "tiny",
        np.random.default_rng(0),
        np.arange(100) // 20,
    )
    shutil.copytree(tiny_checkpoints_with_detector, folder)
    low = rng.uniform(0, 0.5, (100, 4, 2))
    category = np.where(np.arange(4) < crowdedness[:, None], rng.integers(0, 4, (100, 4)), -1)
    prior = LayoutPrior.of(np.concatenate([low, low + 0.4], -1), category, crowdedness)
    save_checkpoint(folder / f"{LAYOUTS}.safetensors", prior, LAYOUTS)
    write_manifest(folder, tiny())
    return folder
