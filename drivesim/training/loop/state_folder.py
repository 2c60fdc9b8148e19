"""The saved states of one training: a new folder for every save, renamed into place, then `LATEST` names it.

    00001200/state.safetensors    everything that the next step depends on
    00001200/progress.json        how far the training had come, and the sha256 of the tensors; sealed
    00001200/evaluation.json      held-out figures and the checkpoint that was exported; written last
    LATEST                        the name of the folder above

A state that has its name is whole, so the last one is taken, whatever `LATEST` says. The state before it is kept too: a
damaged one is named in a warning, and the training continues from the other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from drivesim import durable
from drivesim.archive.sealed_json import parse_json, seal, unseal
from drivesim.errors import CheckpointError
from drivesim.models.checkpoints.tensor_file import tensor_file
from drivesim.regular_files import read_regular
from drivesim.training.loop.budget import Progress, TrainingBudget

logger = logging.getLogger(__name__)

_LATEST = "LATEST"
_TENSORS, _PROGRESS, _EVALUATION = "state.safetensors", "progress.json", "evaluation.json"
_STATE_NAME = re.compile(r"\d{8,}(-\d+)?")
_LEFT_OVER = (".partial", ".removed")


@dataclass(frozen=True)
class StateRecord:
    """What is known of a state without its tensors.

    Attributes:
        progress: How far the training had come.
        budget: The budget that it was trained under; None if an earlier version wrote the record.
        foundations: What it was trained on (`StageRequest.foundations`); None if an earlier version wrote the record.
        figures: Means since the last save, as they stand in `metrics.csv`.
        tensors_sha256: sha256 of the file of tensors.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    progress: Progress
    budget: TrainingBudget | None = None
    foundations: dict[str, str] | None = None
    figures: dict[str, str] = field(default_factory=dict)
    tensors_sha256: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a state.

    Attributes:
        figures: Held-out figures, as they stand in `metrics.csv`.
        checkpoint_sha256: sha256 of the checkpoint that was exported.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    figures: dict[str, str]
    checkpoint_sha256: str


_RECORD = TypeAdapter(StateRecord)
_EVALUATION_CONTENT, _PROGRESS_CONTENT = TypeAdapter(Evaluation), TypeAdapter(Progress)


class _Damaged(Exception):
    """One state cannot be used; the text says why."""


class StateFolder:
    """The states in a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._current: str | None = None

    @property
    def has_state(self) -> bool:
        """Whether a state was loaded or saved."""
        return self._current is not None

    def last_record(self) -> StateRecord | None:
        """Returns the last record that is whole, or None; tensors are not read."""
        for name in self._names():
            with contextlib.suppress(_Damaged):
                record = self._record(name)
                if (self.folder / name / _TENSORS).is_file():
                    self._current = name
                    return record
        return None

    def load(self) -> tuple[StateRecord, dict[str, Tensor]] | None:
        """Returns the last state that is whole, or None if no state was ever saved.

        A warning names each damaged state.

        Raises:
            CheckpointError: There were states, and none of them is whole.
        """
        latest, problems = self.folder / _LATEST, []
        if latest.is_dir():
            raise CheckpointError(f"{latest}: expected a file that names the last state, found a folder; remove it")
        names = self._names()
        for name in names:
            try:
                record = self._record(name)
                tensors = self._tensors(name, record)
            except _Damaged as damage:
                problems.append(f"{self.folder / name}: {damage}")
                continue
            for problem in problems:
                logger.warning("%s; the training continues from step %d", problem, record.progress.step)
            if latest.is_file() and self._latest() not in names:
                logger.warning("%s: names no state; the training continues from %s", latest, name)
            self._current = name
            return record, tensors
        if names or latest.is_file():
            reason = problems[0] if problems else f"{latest}: names no state, and there is none"
            raise CheckpointError(f"{reason}; no state is left to continue from: remove {self.folder} to train anew")
        return None

    def save(self, record: StateRecord, tensors: dict[str, Tensor]) -> None:
        """Saves a state; this one and the one before it are kept.

        Raises:
            OSError: It cannot be written; all states are as they were.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove([entry for entry in self.folder.iterdir() if entry.name.endswith(_LEFT_OVER)])
        header, content = tensor_file({name: tensor.cpu() for name, tensor in tensors.items()}, {})
        digest = sha256(header)
        digest.update(content)
        record = replace(record, tensors_sha256=digest.hexdigest())
        target = self._free_name(record.progress.step)
        temporary = target.with_name(target.name + ".partial")
        try:
            temporary.mkdir()
            durable.write_file(temporary / _TENSORS, header, content)
            durable.write_file(temporary / _PROGRESS, seal(asdict(record)))
            durable.sync_folder(temporary)
            os.rename(temporary, target)
            durable.sync_folder(self.folder)
            durable.write_file(self.folder / _LATEST, target.name.encode(), suffix=".partial")
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        durable.sync_folder(self.folder)
        kept = {target.name, self._current}
        self._current = target.name
        self._remove([entry for entry in self._states() if entry.name not in kept])

    def tidy(self) -> None:
        """Completes, after `load`, a save that was killed. Raises OSError if that cannot be written."""
        current = self._name_of_current()
        if self._latest() != current:
            durable.write_file(self.folder / _LATEST, current.encode(), suffix=".partial")
            durable.sync_folder(self.folder)
        names = self._names()
        outdated = names[names.index(current) + 2 :]
        left_over = [entry for entry in self.folder.iterdir() if entry.name.endswith(_LEFT_OVER)]
        self._remove([*left_over, *(self.folder / name for name in outdated)])

    def evaluation(self) -> Evaluation | None:
        """Returns the evaluation of the state that was loaded or saved last; None if it is missing or damaged."""
        if self._current is None:
            return None
        try:
            content = unseal(read_regular(self.folder / self._current / _EVALUATION))
            return _EVALUATION_CONTENT.validate_python(content)
        except (OSError, ValueError):
            return None

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Writes the evaluation of the state that was loaded or saved last. Raises OSError if that fails."""
        state = self.folder / self._name_of_current()
        durable.write_file(state / _EVALUATION, seal(asdict(evaluation)))
        durable.sync_folder(state)

    def _name_of_current(self) -> str:
        if self._current is None:
            raise ValueError(f"{self.folder}: no state was loaded or saved")
        return self._current

    def _states(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _STATE_NAME.fullmatch(path.name) and path.is_dir()]

    def _names(self) -> list[str]:
        """The names of all states, the last one first."""
        if not self.folder.is_dir():
            return []
        return sorted((path.name for path in self._states()), key=_order, reverse=True)

    def _latest(self) -> str:
        try:
            return read_regular(self.folder / _LATEST)[:100].decode(errors="replace").strip()
        except OSError:
            return ""

    def _record(self, name: str) -> StateRecord:
        try:
            content = read_regular(self.folder / name / _PROGRESS)
        except OSError as error:
            raise _Damaged(f"{_PROGRESS} cannot be read ({error.strerror})") from None
        try:
            return _record_of_older_version(content) or _RECORD.validate_python(unseal(content))
        except ValidationError:
            raise _Damaged(f"{_PROGRESS} does not hold what it should") from None
        except ValueError as error:
            raise _Damaged(f"{_PROGRESS} {error}") from None

    def _tensors(self, name: str, record: StateRecord) -> dict[str, Tensor]:
        try:
            content = read_regular(self.folder / name / _TENSORS)
        except OSError as error:
            raise _Damaged(f"{_TENSORS} cannot be read ({error.strerror})") from None
        if record.tensors_sha256 is not None and sha256(content).hexdigest() != record.tensors_sha256:
            raise _Damaged(f"{_TENSORS} is damaged, its sha256 is not the recorded one")
        try:
            return load(content)
        except SafetensorError as error:
            raise _Damaged(f"{_TENSORS} is no safetensors file ({error})") from None

    def _free_name(self, step: int) -> Path:
        """A name that no state has: after a damaged one was left out, its step is saved a second time."""
        path, number = self.folder / f"{step:08d}", 1
        while path.exists():
            number += 1
            path = self.folder / f"{step:08d}-{number}"
        return path

    def _remove(self, entries: list[Path]) -> None:
        """Removes states and what kills left. A state loses its name first, so that half a state is never read."""
        for entry in entries:
            if not entry.is_dir():
                entry.unlink(missing_ok=True)
                continue
            if not entry.name.endswith(_LEFT_OVER):
                gone = entry.with_name(entry.name + ".removed")
                os.rename(entry, gone)
                entry = gone
            shutil.rmtree(entry, ignore_errors=True)


def _order(name: str) -> tuple[int, int]:
    step, _, number = name.partition("-")
    return int(step), int(number or 1)


def _record_of_older_version(content: bytes) -> StateRecord | None:
    """The record in a file that holds only a step and seconds, without a sha256; None for other files."""
    parsed = parse_json(content)
    if not isinstance(parsed, dict) or set(parsed) != {"step", "elapsed_s"}:
        return None
    return StateRecord(_PROGRESS_CONTENT.validate_python(parsed))
