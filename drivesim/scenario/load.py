"""Loading: from a scenario file to a checked `Scenario`, with every problem at its line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivesim.errors import InputError, ScenarioError
from drivesim.regular_files import open_regular
from drivesim.scenario.checks.plausibility import findings
from drivesim.scenario.schema.box import boxes_outside
from drivesim.scenario.schema.messages import misfits
from drivesim.scenario.schema.real_frame import check_real_frame
from drivesim.scenario.schema.scenario import Scenario
from drivesim.scenario.schema.trajectory_file import read_trajectory
from drivesim.scenario.sweeps.case_warnings import case_warnings, checked_cases
from drivesim.scenario.sweeps.expansion import Cases
from drivesim.scenario.sweeps.sweep import KEY
from drivesim.scenario.text.problems import MAX_SHOWN, FieldPath, Place, Problem, excerpt, scenario_error, shown
from drivesim.scenario.text.yaml_document import MAX_BYTES, YamlDocument, read_document
from drivesim.wording import counted

FORMAT = 1


@dataclass(frozen=True)
class CheckedScenario:
    """A scenario that can be run, and warnings about what is implausible nevertheless, in the order of the file."""

    scenario: Scenario
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class CheckedCases:
    """Cases of a scenario file that can be run, and warnings about what is implausible nevertheless.

    Attributes:
        cases: All cases of the file.
        numbers: The cases that were checked.
        scenarios: Their scenarios.
        warnings: What is implausible about them, in the order of the file.
    """

    cases: Cases
    numbers: range
    scenarios: tuple[Scenario, ...]
    warnings: tuple[Problem, ...]


def load_scenario(path: str | Path) -> Scenario:
    """Reads and checks a scenario file; the path of a `first_frame` becomes absolute.

    Raises:
        InputError: There is no such file, or it cannot be read.
        ScenarioError: The file is wrong; it holds one `file:line:col: message` for each of up to ten problems, and the
            number of the others.
    """
    return check_scenario(path).scenario


def check_scenario(path: str | Path) -> CheckedScenario:
    """Reads and checks a scenario file like `load_scenario`, and returns its warnings too."""
    return check_content(_content(Path(path)), file=str(path), folder=Path(path).parent)


def load_cases(path: str | Path) -> Cases:
    """Returns the concrete scenarios of a file, which is one scenario if the file has no `sweep`.

    Getting a case raises like this function, because only then is the case checked.

    Raises:
        InputError: There is no such file, or it cannot be read.
        ScenarioError: The file is wrong.
    """
    path = Path(path)
    return _cases(read_document(_content(path), str(path)), path.parent)[0]


def check_cases(path: str | Path, index: int | None = None, most: int | None = None) -> CheckedCases:
    """Reads and checks a scenario file with its cases.

    The warnings about a file with a `sweep` are those about its cases, each of which says in which cases it holds.

    Args:
        path: The file.
        index: The only case to check.
        most: Largest number of cases to check, from the first one on; None for all.

    Raises:
        InputError: There is no such file, it cannot be read, or there is no case with this index.
        ScenarioError: The file or a case is wrong.
    """
    path = Path(path)
    document = read_document(_content(path), str(path))
    cases, warnings = _cases(document, path.parent)
    if index is not None and not 0 <= index < len(cases):
        last = len(cases) - 1
        raise InputError(f"--index {index}: {path} stands for {counted(len(cases), 'case')}, 0..{last}")
    numbers = range(len(cases))[:most] if index is None else range(index, index + 1)
    if cases.scenario.sweep is None:
        return CheckedCases(cases, numbers, (cases.scenario,), warnings)
    checked = list(checked_cases(cases, numbers))
    warned = []
    for field_path, message in case_warnings(cases, checked):
        place = _place(document, field_path)
        warned.append(Problem(document.file, place, message, excerpt(document.text, place)))
    return CheckedCases(cases, numbers, tuple(case.scenario for case in checked), tuple(sorted(warned)))


def _cases(document: YamlDocument, folder: Path) -> tuple[Cases, tuple[Problem, ...]]:
    """Returns the cases of a document, and the warnings about the scenario that they vary."""

    def as_error(problems: list[tuple[FieldPath, str]]) -> ScenarioError:
        _note_problems(problems, document)
        return scenario_error(document.problems)

    checked = _checked(document, folder)
    return Cases(checked.scenario, folder, as_error), checked.warnings


def load_case(path: str | Path, index: int | None = None) -> Scenario:
    """Returns the scenario of a file, or case `index` of a file with a `sweep`.

    Raises:
        InputError: The file cannot be read, or an index is missing, not expected, or out of range.
        ScenarioError: The file is wrong.
    """
    cases = load_cases(path)
    if cases.scenario.sweep is None and index is None:
        return cases.scenario
    if cases.scenario.sweep is None:
        raise InputError(f"{path}: has no `sweep`, so it takes no --index")
    if index is None or not 0 <= index < len(cases):
        came = "none" if index is None else index
        last = len(cases) - 1
        raise InputError(f"{path}: is a sweep of {counted(len(cases), 'case')}; expected --index 0..{last}, got {came}")
    return cases[index]


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path}: expected a scenario file, got a folder")
        with open_regular(path) as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such scenario file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def parse_scenario(content: bytes, file: str = "<scenario>", folder: Path | None = None) -> Scenario:
    """Checks the content of a scenario file.

    Args:
        content: Bytes of the file.
        file: Name of the file in messages.
        folder: Folder in which the picture of a `first_frame` is looked for.

    Raises:
        ScenarioError: The content is wrong.
    """
    return check_content(content, file, folder).scenario


def check_content(content: bytes, file: str = "<scenario>", folder: Path | None = None) -> CheckedScenario:
    """Checks the content of a scenario file like `parse_scenario`, and returns its warnings too."""
    return _checked(read_document(content, file), folder)


def _checked(document: YamlDocument, folder: Path | None) -> CheckedScenario:
    _refuse_newer(document)
    try:
        scenario = Scenario.model_validate(_with_trajectory_files(document, folder or Path()))
    except ValidationError as error:
        # Pydantic validates the list of boxes, and so compares them with the frame, only if no box has another mistake.
        _note_problems(dict.fromkeys([*misfits(error), *boxes_outside(document.value)]), document)
    if document.problems:
        raise scenario_error(document.problems)
    warnings = _plausible(scenario, document)
    scenario = _with_real_frames(scenario, folder or Path(), document)
    _note_problems(Cases(scenario, folder).problems(), document)
    if document.problems:
        raise scenario_error(document.problems)
    return CheckedScenario(scenario, warnings)


def _with_trajectory_files(document: YamlDocument, folder: Path) -> Any:
    """The value of a document with the rows of trajectories that are given as files; ScenarioError where one fails."""
    if not isinstance(document.value, dict):
        return document.value

    def read(holder: Any, path: FieldPath) -> Any:
        if not isinstance(holder, dict) or not isinstance(name := holder.get("trajectory"), str):
            return holder
        try:
            return {**holder, "trajectory": read_trajectory(folder / name)}
        except InputError as error:
            document.fail(document.place_of((*path, "trajectory")), f"`trajectory`: {error}")

    value = dict(document.value)
    if "ego" in value:
        value["ego"] = read(value["ego"], ("ego",))
    if isinstance(actors := value.get("actors"), tuple):
        value["actors"] = tuple(read(actor, ("actors", index)) for index, actor in enumerate(actors))
    return value


def _with_real_frames(scenario: Scenario, folder: Path, document: YamlDocument) -> Scenario:
    """Makes the paths of real frames absolute and checks the frames; raises ScenarioError if one cannot be used."""

    def found(text: str, path: FieldPath) -> str:
        text = str((folder / text).absolute())
        try:
            check_real_frame(text, scenario.fit)
        except InputError as error:
            document.fail(document.place_of(path), str(error))
        return text

    first, context = scenario.first_frame, scenario.context_frames
    if first is not None:
        scenario = scenario.model_copy(update={"first_frame": found(first, ("first_frame",))})
    if context is not None:
        frames = tuple(found(text, ("context_frames", number)) for number, text in enumerate(context))
        scenario = scenario.model_copy(update={"context_frames": frames})
    return scenario


def _plausible(scenario: Scenario, document: YamlDocument) -> tuple[Problem, ...]:
    """Returns warnings about a scenario; raises ScenarioError if something in it is impossible."""
    warnings = []
    for finding in findings(scenario):
        place = document.place_of(finding.path)
        if finding.stops:
            document.note(place, str(finding))
        else:
            warnings.append(Problem(document.file, place, str(finding), excerpt(document.text, place)))
    if document.problems:
        raise scenario_error(document.problems)
    return tuple(sorted(set(warnings)))


def _note_problems(found: Iterable[tuple[FieldPath, str]], document: YamlDocument) -> None:
    unreadable = {problem.place for problem in document.problems}
    placed = sorted((_place(document, path), message) for path, message in found)
    for number, (place, message) in enumerate(entry for entry in placed if entry[0] not in unreadable):
        document.note(place, message, with_excerpt=number < MAX_SHOWN)


def _place(document: YamlDocument, path: FieldPath) -> Place:
    return document.key_place_of(path[:-1]) if path[-1:] == (KEY,) else document.place_of(path)


def _refuse_newer(document: YamlDocument) -> None:
    """Refuses a later format, and nothing else: there, keys may have other names and meanings."""
    version = document.value.get("format") if isinstance(document.value, dict) else None
    if isinstance(version, int | float) and not isinstance(version, bool) and version >= FORMAT + 1:
        message = f"this drivesim reads format {FORMAT}, got {shown(version)}, which is newer; update drivesim"
        document.problems.clear()
        document.fail(document.place_of(("format",)), f"`format`: {message}")
