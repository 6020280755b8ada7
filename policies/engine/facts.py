"""The facts that conditions may read: their paths, types and closed values. Nothing here supplies or assumes a fact.

Facts are declared in `registry/facts.yaml`. A stated value that is not of the declared type or domain is a fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from policies.engine.calendars import Duration
from policies.engine.counting import CounterSpec
from policies.engine.request import Fact
from policies.engine.vocabulary import DataCategory, Purpose

MINUTES_PER_HOUR = 60
CLAIM = "claim."
"""What the paths of facts begin with that are read from the claim of a mechanism."""
_LAST_HOUR = 23


class FactType(StrEnum):
    """The type of a fact. Grammar: one noun."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DATE = "date"
    TIME = "time"
    LIST = "list"
    CATEGORIES = "categories"
    PURPOSE = "purpose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """A fact that holds until a duration after a stated day has passed, that day's anniversary included."""

    of: tuple[str, ...]
    lasts: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One fact. `derived` facts are computed by the engine; `satisfied` is what a case runner writes when a case is silent.

    A fact with a `counter` that a request does not state is asked of the node's counters; one that is `lasting` follows from a day.
    """

    path: str
    type: FactType
    means: str
    one_of: tuple[str, ...] = ()
    derived: bool = False
    satisfied: Fact = None
    counter: CounterSpec | None = None
    lasting: Lasting | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The path split at its dots."""
        return tuple(self.path.split("."))


CATEGORIES = frozenset(category.value for category in DataCategory)
PURPOSES = frozenset(purpose.value for purpose in Purpose)
UNREADABLE = object()
"""What a stated value becomes when it is not of its fact's type or domain."""


def day_number(text: object) -> int | None:
    """The proleptic ordinal of an ISO date, or None."""
    if not isinstance(text, str) or len(text) != len("2026-01-01"):
        return None
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        return None


def minute_of_day(text: object) -> int | None:
    """Minutes after midnight of `HH:MM`, or None."""
    if not isinstance(text, str) or len(text) != len("00:00") or text[2] != ":":
        return None
    hours, minutes = text[:2], text[3:]
    if not (hours.isascii() and hours.isdecimal() and minutes.isascii() and minutes.isdecimal()):
        return None
    if int(hours) > _LAST_HOUR or int(minutes) >= MINUTES_PER_HOUR:
        return None
    return int(hours) * MINUTES_PER_HOUR + int(minutes)


Reader = Callable[[object], object]


def reader_of(spec: FactSpec) -> Reader:
    """A function from a stated value to what conditions compare, or UNREADABLE. None (unknown) never reaches it."""
    domain = frozenset(spec.one_of)
    match spec.type:
        case FactType.BOOLEAN:
            return lambda value: value if value is True or value is False else UNREADABLE
        case FactType.INTEGER:
            return lambda value: value if type(value) is int else UNREADABLE
        case FactType.DATE:
            return lambda value: UNREADABLE if (day := day_number(value)) is None else day
        case FactType.TIME:
            return lambda value: UNREADABLE if (minute := minute_of_day(value)) is None else minute
        case FactType.LIST:
            return lambda value: _texts(value, domain)
        case FactType.CATEGORIES:
            return lambda value: _texts(value, CATEGORIES)
        case FactType.PURPOSE:
            return lambda value: value if isinstance(value, str) and value in PURPOSES else UNREADABLE
        case FactType.TEXT:
            return lambda value: value if isinstance(value, str) and (not domain or value in domain) else UNREADABLE


def _texts(value: object, domain: frozenset[str]) -> object:
    if type(value) is not list and not isinstance(value, list | tuple):
        return UNREADABLE
    for item in value:
        if not isinstance(item, str) or (domain and item not in domain):
            return UNREADABLE
    return tuple(value)


def look_up(facts: Mapping[str, Fact], keys: tuple[str, ...]) -> Fact:
    """The stated value at a path, or None when it is not stated."""
    value: Any = facts
    for key in keys:
        if type(value) is not dict and not isinstance(value, Mapping):
            return None
        value = value.get(key)
    found: Fact = value
    return found
