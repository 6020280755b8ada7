"""Rules that count: what is counted, over which window and for which parties. Nothing here keeps a count; a node does.

China counts persons since 1 January per handler (CAC Order 16), 28 CFR 202.205 over twelve months per pair of parties, France
calls to one person in thirty days, Vietnam messages a day.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from policies.engine.calendars import Calendar, before, read_duration
from policies.engine.request import TransferRequest
from policies.engine.vocabulary import Kind

YEAR = "year"


class Counted(StrEnum):
    """What a counter counts. Grammar: a plural noun."""

    PERSONS = "persons"  # distinct persons
    CONTACTS = "contacts"  # every contact, also of one person


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSpec:
    """One counter. `name` is the path of the fact that it supplies.

    `per` are the paths whose values tell one count from another (`subject` is the person). Requests count when their kind, channel
    and a category are among those named (empty: any), and where `special` names a law, when a category is special under it.
    `stated` is another path that a request may state instead, when `data.window` is the counter's window.
    """

    name: str
    of: Counted
    window: str
    per: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    special: str | None = None
    stated: str | None = None


class Counters(Protocol):
    """Where counts are kept."""

    def count(self, spec: CounterSpec, request: TransferRequest, at: date) -> int | None:
        """How many there are in the window that ends with `at`, those of this request included; None when that is not known."""
        ...


def window_start(window: str, at: date) -> date | None:
    """The first day of a window that ends with `at`, or None for a window that cannot be read."""
    if window == YEAR:
        return date(at.year, 1, 1)
    duration = read_duration(window)
    return None if duration is None else before(at, duration, Calendar())


class Witnessed:
    """Counters that remember what they said, so that the record of a decision can hold it."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.said: dict[str, int] = {}

    def count(self, spec: CounterSpec, request: TransferRequest, at: date) -> int | None:
        """What the counters say."""
        found = self._counters.count(spec, request, at)
        if found is not None:
            self.said[spec.name] = found
        return found
