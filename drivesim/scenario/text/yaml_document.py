"""A reader of single YAML documents that knows the place of every value and holds limits before it takes memory.

It refuses anchors, aliases, tags, merge keys, directives, a second document, tabs as indentation, duplicate keys, keys
that are not text, numbers that are not finite, and more than `MAX_DEPTH` levels, `MAX_NODES` keys and values, or
`MAX_KEYS` keys in one mapping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, Protocol

import yaml

from drivesim.scenario.text.problems import MAX_SHOWN, FieldPath, Place, Problem, clipped, excerpt, scenario_error
from drivesim.scenario.text.yaml_scalars import plain_scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_KEYS = 256

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAB_INDENT = re.compile(r"^[ ]*(\t)[ \t]*[^\s#]", re.MULTILINE)
_BEGAN_BEFORE = ("while scanning a simple key", "while scanning a quoted scalar")
"""Errors that YAML reports where these end, although the mistake is where they begin."""
_ENCODING_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00": "UTF-32"}


class _Mark(Protocol):
    """A place in the text, of either of the two scanners of PyYAML; both numbers count from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Marked(NamedTuple):
    """The places at which a value and its keys start, and the same for everything inside the value."""

    mark: _Mark
    keys: dict[str, _Mark] | None
    inside: dict[str, _Marked] | list[_Marked] | None


@dataclass
class YamlDocument:
    """A document as plain Python data, in which sequences are tuples, with the place of each value and key."""

    file: str
    text: str = ""
    value: Any = None
    marks: _Marked | None = None
    problems: list[Problem] = field(default_factory=list)

    def note(self, place: Place, message: str, with_excerpt: bool = True) -> None:
        """Adds a problem after which reading continues; problems that are only counted need no excerpt."""
        text = excerpt(self.text, place) if with_excerpt else ""
        self.problems.append(Problem(self.file, place, message, text))

    def fail(self, place: Place, message: str) -> NoReturn:
        """Adds a problem after which the rest of the file makes no sense, and raises the error."""
        self.note(place, message)
        raise scenario_error(self.problems)

    def place_of(self, path: FieldPath) -> Place:
        """Returns the place of a value, or of the nearest value around it."""
        found = self.marks
        for step in path:
            inside = _inside(found, step)
            if inside is None:
                break
            found = inside
        return _place(found.mark) if found else Place(1, 1)

    def key_place_of(self, path: FieldPath) -> Place:
        """Returns the place of the key that is the last step of `path`, or of the nearest value around it."""
        found = self.marks
        for step in path[:-1]:
            found = _inside(found, step) or found
        key = path[-1]
        mark = (found.keys or {}).get(key) if found and isinstance(key, str) else None
        return _place(mark) if mark else self.place_of(path)


def read_document(content: bytes, file: str) -> YamlDocument:
    """Reads a document; `problems` of the result are those that did not stop the reading.

    Args:
        content: Bytes of the file.
        file: Name of the file in messages.

    Raises:
        ScenarioError: The content is not a YAML document, or it is refused or too large.
    """
    document = YamlDocument(file)
    if len(content) > MAX_BYTES:
        document.fail(Place(1, 1), f"the file is larger than {MAX_BYTES // 1024} KiB")
    document.text = _decode(content, document)
    try:
        _Composer(document, _Loader(document.text)).compose()
    except yaml.MarkedYAMLError as error:
        mark: _Mark | None = error.problem_mark or error.context_mark
        if error.context in _BEGAN_BEFORE and error.context_mark:
            mark = error.context_mark
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
        before = document.text = content[: error.start].decode("utf-8", errors="replace")
        place, byte = _place_at(before, len(before)), content[error.start]
        document.fail(place, f"expected UTF-8 text, got the byte 0x{byte:02x}; save the file as UTF-8")
    document.text = text
    for pattern, message in (
        (_UNPRINTABLE, "an unprintable character; remove it"),
        (_TAB_INDENT, "a tab in the indentation; use spaces"),
    ):
        if found := pattern.search(text):
            document.fail(_place_at(text, found.start(found.lastindex or 0)), message)
    return text


class _Composer:
    def __init__(self, document: YamlDocument, loader: Any) -> None:
        self.document = document
        self.next_event = loader.get_event
        self.nodes = 0

    def compose(self) -> None:
        self.next_event()  # the start of the stream
        event = self.next_event()
        if isinstance(event, yaml.StreamEndEvent):
            return
        if event.version or event.tags:
            self.document.fail(_place(event.start_mark), "a YAML directive; remove the line that starts with %")
        self.document.value, self.document.marks = self._node(self.next_event(), 0)
        self.next_event()  # the end of the document
        event = self.next_event()
        if isinstance(event, yaml.DocumentStartEvent):
            self.document.fail(_place(event.start_mark), "a second document; expected one scenario per file")

    def _node(self, event: Any, depth: int) -> tuple[Any, _Marked]:
        self._admit(event)
        if depth > MAX_DEPTH:
            self.document.fail(_place(event.start_mark), f"nested deeper than {MAX_DEPTH} levels")
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event), _Marked(event.start_mark, None, None)
        if kind is yaml.SequenceStartEvent:
            return self._sequence(event.start_mark, depth)
        return self._mapping(event.start_mark, depth)

    def _admit(self, event: Any) -> None:
        """Counts a key or a value, and refuses aliases, anchors and tags."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self.document.fail(_place(event.start_mark), f"more than {MAX_NODES} values")
        if type(event) is yaml.AliasEvent:
            self.document.fail(
                _place(event.start_mark), f"the alias *{clipped(str(event.anchor))}; write the value out"
            )
        if event.anchor is not None:
            anchor = clipped(event.anchor)
            message = f"the anchor &{anchor}; write the value out where it is needed"
            self.document.fail(_place(event.start_mark), message)
        if event.tag is not None:
            self.document.fail(_place(event.start_mark), f"the tag {clipped(event.tag)}; expected a plain value")

    def _scalar(self, event: Any) -> Any:
        if event.style:
            return event.value
        try:
            return plain_scalar(event.value)
        except ValueError as error:
            self._note(event, str(error))
            return None

    def _sequence(self, mark: _Mark, depth: int) -> tuple[tuple[Any, ...], _Marked]:
        values: list[Any] = []
        marks: list[_Marked] = []
        while type(event := self.next_event()) is not yaml.SequenceEndEvent:
            value, marked = self._node(event, depth + 1)
            values.append(value)
            marks.append(marked)
        return tuple(values), _Marked(mark, None, marks)

    def _mapping(self, mark: _Mark, depth: int) -> tuple[dict[str, Any], _Marked]:
        values: dict[str, Any] = {}
        keys: dict[str, _Mark] = {}
        marks: dict[str, _Marked] = {}
        while type(event := self.next_event()) is not yaml.MappingEndEvent:
            key = self._key(event)
            if key in keys:
                self._note(event, f"`{clipped(key)}` is given twice; first in line {keys[key].line + 1}")
            keys.setdefault(key, event.start_mark)
            if len(keys) > MAX_KEYS:
                self.document.fail(_place(event.start_mark), f"more than {MAX_KEYS} keys in one mapping")
            values[key], marks[key] = self._node(self.next_event(), depth + 1)
        return values, _Marked(mark, keys, marks)

    def _key(self, event: Any) -> str:
        self._admit(event)
        place = _place(event.start_mark)
        if type(event) is not yaml.ScalarEvent:
            self.document.fail(place, "expected a name before the colon, got a list or a mapping")
        key = str(event.value)
        if event.style:
            return key
        if key == "<<":
            self.document.fail(place, "the merge key <<; write the keys out")
        if not isinstance(self._scalar(event), str):
            self.document.fail(place, f"expected a name before the colon, got {clipped(key) or 'nothing'}")
        return key

    def _note(self, event: Any, message: str) -> None:
        with_excerpt = len(self.document.problems) < MAX_SHOWN
        self.document.note(_place(event.start_mark), message, with_excerpt)


def _inside(marked: _Marked | None, step: str | int) -> _Marked | None:
    inside = marked.inside if marked else None
    if isinstance(inside, dict):
        return inside.get(step) if isinstance(step, str) else None
    return inside[step] if isinstance(inside, list) and isinstance(step, int) and 0 <= step < len(inside) else None


def _place(mark: Any) -> Place:
    """Returns the place of a mark; types-PyYAML calls marks of events optional, but the scanner always sets them."""
    return Place(mark.line + 1, mark.column + 1)


def _place_at(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
