"""Reads one YAML document from its events, so that limits hold before memory is taken and every value has its place.

Refused: anchors, aliases, tags, merge keys, directives, a second document, tabs as indentation, duplicate keys, keys
that are not text, numbers that are not finite; more than `MAX_DEPTH` levels or `MAX_NODES` values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from drivesim.scenario.problems import FieldPath, Place, Problem, clipped, scenario_error
from drivesim.scenario.yaml_scalars import plain_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAB_INDENT = re.compile(r"^[ ]*(\t)[ \t]*[^\s#]", re.MULTILINE)
_ENCODING_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00": "UTF-32"}


@dataclass
class YamlDocument:
    """Plain Python data (sequences are tuples) with the place of each value and of each key, by its path."""

    file: str
    value: Any = None
    places: dict[FieldPath, Place] = field(default_factory=dict)
    key_places: dict[FieldPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, place: Place, message: str) -> None:
        """Remembers a problem; reading goes on."""
        self.problems.append(Problem(self.file, place, message))

    def fail(self, place: Place, message: str) -> NoReturn:
        """Remembers a problem after which the rest of the file makes no sense."""
        self.note(place, message)
        raise scenario_error(self.problems)

    def place_of(self, path: FieldPath) -> Place:
        """The place of a value, or of the nearest value around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


def read_document(content: bytes, file: str) -> YamlDocument:
    """Reads `content`; `file` is the name that messages show. Problems that do not stop the reading are in `.problems`.

    Raises:
        ScenarioError: the content is no YAML document, or one that is refused or too large.
    """
    document = YamlDocument(file)
    if len(content) > MAX_BYTES:
        document.fail(Place(1, 1), f"the file is larger than {MAX_BYTES // 1024} KiB")
    text = _decode(content, document)
    events = iter(yaml.parse(text, Loader=_Loader))
    try:
        _Composer(document, events).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" {error.context}" if error.context else ""
        document.fail(_place(mark) if mark else Place(1, 1), f"not valid YAML: {error.problem}{where}")
    return document


def _decode(content: bytes, document: YamlDocument) -> str:
    encoding = _ENCODING_MARKS.get(content[:2])
    if encoding:
        document.fail(Place(1, 1), f"expected UTF-8 text, got {encoding}; save the file as UTF-8")
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        place, byte = _place_at(before, len(before)), content[error.start]
        document.fail(place, f"expected UTF-8 text, got the byte 0x{byte:02x}; save the file as UTF-8")
    for pattern, message in (
        (_UNPRINTABLE, "an unprintable character; remove it"),
        (_TAB_INDENT, "a tab in the indentation; use spaces"),
    ):
        if found := pattern.search(text):
            document.fail(_place_at(text, found.start(found.lastindex or 0)), message)
    return text


class _Composer:
    def __init__(self, document: YamlDocument, events: Iterator[yaml.Event]) -> None:
        self.document = document
        self.events = events
        self.nodes = 0

    def compose(self) -> None:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.version or event.tags:
                    self.document.fail(_place(event.start_mark), "a YAML directive; remove the line that starts with %")
                self.document.value = self._node(next(self.events), ())
                break
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.document.fail(_place(event.start_mark), "a second document; expected one scenario a file")

    def _node(self, event: yaml.Event, path: FieldPath) -> Any:
        place = _place(event.start_mark)
        self._refuse_indirection(event, place)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.document.fail(place, f"more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            self.document.fail(place, f"nested deeper than {MAX_DEPTH} levels")
        self.document.places[path] = place
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _refuse_indirection(self, event: yaml.Event, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.document.fail(place, f"the alias *{clipped(event.anchor)}; write the value out")
        if event.anchor is not None:
            self.document.fail(place, f"the anchor &{clipped(event.anchor)}; write the value out where it is needed")
        if event.tag is not None:
            self.document.fail(place, f"the tag {clipped(event.tag)}; expected a plain value")

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Any:
        if event.style:
            return event.value
        try:
            return plain_scalar(event.value)
        except ValueError as error:
            self.document.note(place, str(error))
            return None

    def _sequence(self, path: FieldPath) -> tuple[Any, ...]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self._node(event, (*path, len(values))))
        return tuple(values)

    def _mapping(self, path: FieldPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key, place = self._key(event), _place(event.start_mark)
            if key in values:
                first = self.document.key_places[(*path, key)]
                self.document.note(place, f"`{clipped(key)}` is given twice; first in line {first.line}")
            else:
                self.document.key_places[(*path, key)] = place
            values[key] = self._node(next(self.events), (*path, key))
        return values

    def _key(self, event: yaml.Event) -> str:
        place = _place(event.start_mark)
        self._refuse_indirection(event, place)
        if not isinstance(event, yaml.ScalarEvent):
            self.document.fail(place, "expected a name before the colon, got a list or a mapping")
        if not event.style and event.value == "<<":
            self.document.fail(place, "the merge key <<; write the keys out")
        if not event.style and not isinstance(self._scalar(event, place), str):
            self.document.fail(place, f"expected a name before the colon, got {clipped(event.value) or 'nothing'}")
        return event.value


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _place_at(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
