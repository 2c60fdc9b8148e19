"""Imports files of other tools as scenarios: OpenSCENARIO, and logs of vehicle positions, recognised by content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from drivesim.errors import InputError
from drivesim.regular_files import read_regular
from drivesim.scenario.interchange.logs.carla import is_carla_dump, tracks_of_carla
from drivesim.scenario.interchange.logs.commonroad import tracks_of_commonroad
from drivesim.scenario.interchange.logs.csv_tracks import tracks_of_csv
from drivesim.scenario.interchange.logs.tracks import Tracks, scenario_of_tracks
from drivesim.scenario.interchange.openscenario.importing import import_openscenario
from drivesim.scenario.interchange.openscenario.reading.distributions import cases_of, is_distribution
from drivesim.scenario.interchange.openscenario.reading.xml_tree import MAX_BYTES as MAX_XML_BYTES
from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree, read_xml
from drivesim.scenario.schema.scenario import Scenario

MAX_LOG_BYTES = 256 << 20


@dataclass(frozen=True)
class ImportedFile:
    """A scenario, the description in its file, notes on what was left out, and a timeline of events."""

    scenario: Scenario
    description: str
    notes: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()


def import_file(path: Path, ego: str | None = None, lenient: bool = False) -> Iterator[ImportedFile]:
    """Yields the scenarios of a file: one, or several if the file holds distributions of parameter values.

    Args:
        path: OpenSCENARIO XML, CommonRoad XML, a text dump of CARLA's recorder, or a CSV file of positions.
        ego: The entity, obstacle, actor or id that carries the camera.
        lenient: Whether to leave out unknown parts of an OpenSCENARIO file even if its meaning depends on them.

    Raises:
        InputError: The file cannot be read, or holds no scenario.
    """
    content = _content(path, MAX_LOG_BYTES)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or path.suffix.lower() in (".xosc", ".xml"):
        # Logs are larger than storyboards.
        scale = 32 if b"<commonRoad" in content[:4096] else 1
        tree = read_xml(content[: MAX_XML_BYTES * scale + 1], str(path), scale)
        if tree.root.tag == "commonRoad":
            yield _of_tracks(path, tracks_of_commonroad(tree, ego))
            return
        yield from _openscenario(path, content, tree, ego, lenient)
        return
    text = _text(content, path)
    if is_carla_dump(text):
        yield _of_tracks(path, tracks_of_carla(text, str(path), ego))
        return
    yield _of_tracks(path, tracks_of_csv(text, str(path), ego))


def _openscenario(path: Path, content: bytes, tree: XmlTree, ego: str | None, lenient: bool) -> Iterator[ImportedFile]:
    if not is_distribution(tree):
        yield _executed(path, content, ego, lenient, {})
        return
    named, cases = cases_of(tree)
    other = path.parent / named.replace("\\", "/")
    inside = _content(other, MAX_XML_BYTES)
    for number, values in enumerate(cases):
        made = _executed(other, inside, ego, lenient, values)
        name = f"{scenario_name(path)[:59]}_{number:04d}"
        values_text = ", ".join(f"{parameter} = {value}" for parameter, value in values.items())
        scenario = made.scenario.model_copy(update={"name": name})
        yield replace(made, scenario=scenario, description=f"{made.description} ({values_text})".strip())


def _executed(path: Path, content: bytes, ego: str | None, lenient: bool, values: dict[str, str]) -> ImportedFile:
    made = import_openscenario(content, str(path), ego, path.parent, lenient, values)
    notes = tuple(f"{note.file}:{note.line}: {note}" for note in made.notes)
    timeline = tuple(f"{file}:{line}: {text}" for file, line, text in made.timeline)
    return ImportedFile(made.scenario, made.description, notes, timeline)


def _of_tracks(path: Path, tracks: Tracks) -> ImportedFile:
    scenario, notes = scenario_of_tracks(tracks, scenario_name(path), str(path))
    return ImportedFile(scenario, "", notes)


def scenario_name(path: Path) -> str:
    """Returns a name for the scenario of a file."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePath(path).stem).lstrip("_-")
    return name[:64] or "imported"


def _content(path: Path, most: int) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path}: expected a file, got a folder")
        return read_regular(path, most)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected XML or UTF-8 text, got the byte 0x{content[error.start]:02x}") from error
