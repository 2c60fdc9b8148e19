"""What tests share: tiny, random checkpoints of every stage; child processes, kills and full disks.

Nothing here waits without a limit: a child process that hangs prints where it hangs and ends, and the test fails.
"""

from __future__ import annotations

import ctypes
import faulthandler
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

# How long an example takes depends on what else the machine does, so no test may fail for it. Examples are the same in
# every run: a test that fails is one that a change has broken. HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("drivesim", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "drivesim"))

CHILD_LIMIT_S = 240.0
WAIT_LIMIT_S = 200.0
MANY_PROCESSES_LIMIT_S = 1500
_NEW_MOUNTS, _NEW_USERS = 0x0002_0000, 0x1000_0000  # clone(2)
_REMOUNT, _RECURSIVE, _PRIVATE = 0x20, 0x4000, 0x4_0000  # mount(2)
_MAY_NOT_MOUNT = 77  # exit code


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start hundreds of processes, or a Ray cluster, may take longer if the machine is slow or busy."""
    for item in items:
        many = {"killed_at", "write_and_be_killed"} & set(getattr(item, "fixturenames", ()))
        if many or item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.timeout(MANY_PROCESSES_LIMIT_S))


class Child:
    """A forked process that runs one function. It never returns into the test, and ends after `CHILD_LIMIT_S` at most.

    Its exit code is 0 after the function returned, and 1 after an exception, whose traceback it prints.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                faulthandler.dump_traceback_later(CHILD_LIMIT_S, exit=True, file=sys.__stderr__)
                function()
                status = 0
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(status)
        self._status: int | None = None

    def kill(self) -> None:
        """Ends the process as kill -9 does; nothing happens to one that has ended."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def wait(self) -> int:
        """The exit code, or the negative number of the signal that ended the process."""
        if self._status is None:
            self._status = os.waitpid(self.pid, 0)[1]
        return os.waitstatus_to_exitcode(self._status)

    @property
    def has_ended(self) -> bool:
        if self._status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if ended else None
        return self._status is not None


@pytest.fixture
def in_child() -> Iterator[Callable[[Callable[[], object]], Child]]:
    """Starts a child process that runs a function; children that still run at the end of the test are killed."""
    children: list[Child] = []

    def start(function: Callable[[], object]) -> Child:
        children.append(Child(function))
        return children[-1]

    yield start
    for child in children:
        child.kill()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Waits until a condition holds; the test fails if that takes too long, or if a child ends before.

    wait_until(ready.exists, child)
    """

    def wait(condition: Callable[[], object], child: Child | None = None, limit_s: float = WAIT_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            assert child is None or not child.has_ended, "the child process ended before the condition held"
            assert time.monotonic() < deadline, f"the condition did not hold within {limit_s:g} s"
            time.sleep(0.01)

    return wait


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
def on_small_disk(
    tmp_path: Path, in_child: Callable[[Callable[[], object]], Child]
) -> Callable[[Callable[[SmallDisk], None]], None]:
    """Calls a function with a small disk, in a child process that has mounts of its own and loses them at its end.

    The test is skipped where this process may not mount anything, as the function was not called.
    """

    def call(function: Callable[[SmallDisk], None]) -> None:
        folder, problem = tmp_path / "disk", tmp_path / "problem"
        folder.mkdir()

        def work() -> None:
            try:
                _leave_namespace()
                disk = SmallDisk(folder)
            except PermissionError as error:
                problem.write_text(str(error))
                os._exit(_MAY_NOT_MOUNT)
            try:
                function(disk)
            except BaseException:
                problem.write_text(traceback.format_exc())
                raise

        code = in_child(work).wait()
        if code == _MAY_NOT_MOUNT:
            pytest.skip(f"needs a file system of its own, which this process may not mount: {problem.read_text()}")
        assert code == 0, problem.read_text() if problem.exists() else f"ended with {code}; see the captured stderr"

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
        def work() -> None:
            _kill_after(kill_at)
            function()

        code = Child(work).wait()
        assert code in (0, -signal.SIGKILL)
        return code != 0

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
