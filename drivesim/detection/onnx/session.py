"""An ONNX network in a process of its own, with limits on memory and time.

The file comes from the user, perhaps from somewhere else. A file that crashes the runtime, asks for all memory or
never ends must give a one-line message, and not end the evaluation's own process.
"""

from __future__ import annotations

import ast
import contextlib
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np

from drivesim.errors import InputError, MissingExtraError

MAX_FILE_BYTES = 1 << 30
MAX_OUTPUT_BYTES = 256 << 20
MAX_THREADS = 2
_MAX_MEMORY_BYTES = 8 << 30  # of address space, of which a runtime reserves more than it uses
_LOADING_S, _RUNNING_S = 120.0, 60.0
_MAX_NAMES_LENGTH = 100_000


@dataclass(frozen=True)
class Port:
    """An input of a network.

    Attributes:
        name: Its name.
        type: Its ONNX type.
        shape: Its shape, with a name or None for each open axis.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.type} {' '.join('?' if not isinstance(a, int) else str(a) for a in self.shape)}"


class Session:
    """A loaded network in a process of its own. Use it in a `with` statement, or call `close` to end the process.

    Attributes:
        path: The file.
        inputs: The inputs of the network.
        num_names: The number of classes that its exporter named; None if it named none.
    """

    inputs: tuple[Port, ...]
    num_names: int | None

    def __init__(self, path: Path, content: bytes) -> None:
        """Loads a network.

        Args:
            path: The file, which errors name.
            content: What the file holds.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            InputError: The runtime cannot load the content as a network.
        """
        if find_spec("onnxruntime") is None:
            raise MissingExtraError("detectors in ONNX files need onnxruntime: pip install 'drivesim[detect]'")
        self.path = path
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._send(content)
            self.inputs, self.num_names = self._answer(_LOADING_S, "loading it")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, tensor: np.ndarray) -> list[np.ndarray]:
        """Returns all outputs for a value of the only input. Raises InputError if the network fails on it."""
        self._send(tensor)
        outputs: list[np.ndarray] = self._answer(_RUNNING_S, f"a picture of {' '.join(map(str, tensor.shape))}")
        return outputs

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.kill()
        self._process.join()

    def _send(self, value: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # why is what `_answer` finds out
            self._connection.send(value)

    def _answer(self, limit_s: float, doing: str) -> Any:
        try:
            if not self._connection.poll(limit_s):
                raise InputError(f"{self.path}: onnxruntime took more than {limit_s:g} s for {doing}")
            problem, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            code = self._process.exitcode
            raise InputError(f"{self.path}: onnxruntime crashed at {doing} (exit code {code})") from None
        if problem is not None:
            raise InputError(f"{self.path}: onnxruntime refuses {doing}: {problem}")
        return value


def _serve(connection: Connection) -> None:
    """What the child process does: loads the network that is sent first, then runs it on each tensor that follows."""
    _limit()
    session = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            received = connection.recv()
            problem, value = None, None
            try:
                if session is None:
                    session, value = _loaded(received)
                else:
                    value = session.run(None, {session.get_inputs()[0].name: received})
                    problem = _unusable(value)
            except Exception as error:  # the runtime raises types of its own, which have no common base
                problem = " ".join(str(error).split())[:300] or type(error).__name__
            connection.send((problem, None if problem else value))


def _loaded(content: bytes) -> tuple[Any, tuple[tuple[Port, ...], int | None]]:
    """The runtime's session, and what `Session` says of it."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(MAX_THREADS, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = tuple(Port(port.name, port.type, tuple(port.shape)) for port in session.get_inputs())
    return session, (inputs, _num_names(session.get_modelmeta().custom_metadata_map.get("names", "")))


def _num_names(written: str) -> int | None:
    """Returns the number of classes that an exporter named in a Python list or dictionary; None for any other form."""
    try:
        names = ast.literal_eval(written) if len(written) < _MAX_NAMES_LENGTH else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return len(names) if isinstance(names, dict | list) and names else None


def _unusable(outputs: Sequence[Any]) -> str | None:
    """Returns why outputs are refused, or None if they can be used."""
    if not all(isinstance(output, np.ndarray) and output.dtype.kind in "fiub" for output in outputs):
        return "it gives something else than tensors of numbers"
    total = sum(output.nbytes for output in outputs)
    return f"its outputs take {total >> 20} MiB" if total > MAX_OUTPUT_BYTES else None


def _limit() -> None:
    """Bounds the memory of this process and silences what the runtime writes to stderr."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
