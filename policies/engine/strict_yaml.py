"""The strict YAML loader: every value with its line and column. It never guesses: no implicit type but true, false, null and
plain decimal integers, no anchors, aliases, tags or merge keys, no duplicate keys, and limits on size and depth.

YAML 1.1 reads `NO` as false (Norway), `ON` as true (Ontario), `012` as 10 and `10:30` as 630; here they stay text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from policies.engine.diagnostics import Diagnostic, PolicyError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 24
MAX_NODES = 100_000
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}

Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; counts from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    def finding(self, message: str, remedy: str = "") -> Diagnostic:
        """An error at this place."""
        return Diagnostic(file=self.file, line=self.line, column=self.column, message=message, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: text, integer, boolean or null."""

    value: str | int | bool | None
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with where the key stands."""

    place: Place
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys (always text) in the order of the file."""

    entries: dict[str, Entry]
    place: Place


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items in the order of the file."""

    items: tuple["Node", ...]
    place: Place


Node: TypeAlias = Scalar | Mapping | Sequence


def plain(node: Node) -> Plain:
    """The value without its places."""
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {key: plain(entry.value) for key, entry in entries.items()}


def parse_documents(text: str, filename: str) -> list[Node]:
    """Every document of the text, separated by `---`. Raises PolicyError with the first syntax error and all duplicate keys."""
    start = Place(filename, 1, 1)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise PolicyError([start.finding(f"the file is larger than {MAX_BYTES} bytes", "split it")])
    return _quickly(text, filename) or _exactly(text, filename, start)


def _quickly(text: str, filename: str) -> list[Node] | None:
    """The documents by the parser in C, which is seventeen times as fast; None where it finds anything at all amiss.

    Whatever is wrong is then told by the parser whose words and places are tested.
    """
    if not yaml.__with_libyaml__:
        return None
    builder = _Builder(filename)
    try:
        builder.run(yaml.parse(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, PolicyError, ValueError, RecursionError):
        return None
    return None if builder.findings else builder.documents


def _exactly(text: str, filename: str, start: Place) -> list[Node]:
    builder = _Builder(filename)
    try:
        builder.run(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise PolicyError([_syntax(error, filename)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        finding = Place(filename, line, column).finding("a character that YAML does not allow", "remove it; save as UTF-8 text")
        raise PolicyError([finding]) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise PolicyError([start.finding("the file is not YAML", "save it as UTF-8 text in YAML")]) from None
    if builder.findings:
        raise PolicyError(builder.findings)
    return builder.documents


def _syntax(error: yaml.MarkedYAMLError, filename: str) -> Diagnostic:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "the text is not YAML"
    place = Place(filename, mark.line + 1, mark.column + 1) if mark else Place(filename, 1, 1)
    if "'\\t'" in problem or "tab" in problem:
        return place.finding("a tab where spaces belong", "indent with spaces")
    return place.finding(f"YAML syntax: {problem}", "check indentation, colons and quotes around this place")


@dataclass(slots=True)
class _Builder:
    filename: str
    documents: list[Node] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    nodes: int = 0

    def run(self, events: Iterator[Event]) -> None:
        for event in events:
            if isinstance(event, StreamStartEvent | DocumentStartEvent | DocumentEndEvent | StreamEndEvent):
                continue
            self.documents.append(self._node(event, events, 1))

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        place = self._place(event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._refuse(place, f"more than {MAX_NODES} values", "split the file")
        if depth > MAX_DEPTH:
            self._refuse(place, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        self._no_sharing(event, place)
        if isinstance(event, ScalarEvent):
            return Scalar(self._scalar(event), place)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, place, depth)
        return self._mapping(events, place, depth)

    def _no_sharing(self, event: Event, place: Place) -> None:
        if isinstance(event, AliasEvent):
            self._refuse(place, f"alias `*{event.anchor}`", "write the value out")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            self._refuse(place, f"anchor `&{anchor}`", "remove it and write the value out where it is used")
        if tag:
            self._refuse(place, f"tag `{tag}`", "remove it")

    def _scalar(self, event: ScalarEvent) -> str | int | bool | None:
        text: str = event.value
        if event.style:  # plain is None, and an empty text from the parser in C
            return text
        if text in _WORDS:
            return _WORDS[text]
        return int(text) if _INTEGER.match(text) else text

    def _sequence(self, events: Iterator[Event], place: Place, depth: int) -> Sequence:
        items: list[Node] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(event, events, depth + 1))
        return Sequence(tuple(items), place)

    def _mapping(self, events: Iterator[Event], place: Place, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            where = self._place(event)
            key = self._key(event, where)
            value = self._node(next(events), events, depth + 1)
            if key in entries:
                first = entries[key].place.line
                self.findings.append(where.finding(f"duplicate key `{key}`", f"keep one; the first is on line {first}"))
                continue
            entries[key] = Entry(where, value)
        return Mapping(entries, place)

    def _key(self, event: Event, place: Place) -> str:
        self._no_sharing(event, place)
        if not isinstance(event, ScalarEvent):
            self._refuse(place, "a key that is not text", "use a plain word as key")
        if event.value == "<<" and not event.style:
            self._refuse(place, "merge key `<<`", "write the keys out")
        return str(event.value)

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self.filename, mark.line + 1, mark.column + 1) if mark else Place(self.filename, 1, 1)

    def _refuse(self, place: Place, what: str, remedy: str) -> NoReturn:
        message = what if what.startswith(("more", "nested", "a key")) else f"{what} is not allowed"
        raise PolicyError([*self.findings, place.finding(message, remedy)])
