"""A list that an authority publishes, as a file with a date, and what it says of one organisation on a day. It never fetches one.

As strict YAML, or as CSV whose first lines are `# list: dpf` and `# as_of: 2026-11-22`:

    list: dpf
    as_of: 2026-11-22
    source: dataprivacyframework.gov
    entries:
      - {name: Acme Inc, covers: [hr, non_hr], from: 2023-07-10, uk_extension: true, swiss: false}

`from` is the first day an entry holds, `to` the first day it no longer does. What an entry leaves out stays unsaid.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from policies.engine.request import Fact


class ListName(StrEnum):
    """Which list. Grammar: noun, or noun_of-whom."""

    DPF = "dpf"
    DPF_UK = "dpf_uk"
    DPF_CH = "dpf_ch"
    COVERED_PERSONS = "covered_persons"


class Cover(StrEnum):
    """What a certification covers. Grammar: one noun."""

    HR = "hr"
    NON_HR = "non_hr"


CERTIFIED = (ListName.DPF, ListName.DPF_UK, ListName.DPF_CH)
"""The lists of who is certified: being on one opens a way. Covered persons are the other kind: being on it closes one."""

SPEAKS_OF: Mapping[ListName, tuple[str, ...]] = {
    ListName.DPF: ("dpf.listed", "dpf.covers", "dpf.uk_extension", "dpf.swiss", "dpf.swiss_us"),
    ListName.DPF_UK: ("dpf.uk_extension", "dpf.covers"),
    ListName.DPF_CH: ("dpf.swiss", "dpf.swiss_us", "dpf.covers"),
    ListName.COVERED_PERSONS: ("covered_person",),
}
"""The facts of an importer that a list can state, so that nobody states them by hand beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One organisation. `from_day` is inclusive, `to_day` exclusive; None is unsaid."""

    name: str
    id: str | None = None
    covers: tuple[Cover, ...] = ()
    from_day: date | None = None
    to_day: date | None = None
    uk_extension: bool | None = None
    swiss: bool | None = None

    def holds(self, on: date) -> bool:
        """Whether it stands on the list that day."""
        return (self.from_day is None or self.from_day <= on) and (self.to_day is None or on < self.to_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedList:
    """A list as it stood on `as_of`."""

    name: ListName
    as_of: date
    source: str = ""
    entries: tuple[ListEntry, ...] = ()
    found: Mapping[str, ListEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the entries by what they are asked for."""
        keys = {key: entry for entry in reversed(self.entries) for key in asked_by(self.name, entry)}
        object.__setattr__(self, "found", keys)

    def entry(self, asked: str, on: date) -> ListEntry | None:
        """The entry of that name or id that holds on the day. Covered persons are found however their name is spelled."""
        entry = self.found.get(_key(self.name, asked))
        return entry if entry is not None and entry.holds(on) else None

    def age(self, on: date) -> int | None:
        """Days since it was made, or None on a day before that, of which it says nothing."""
        days = (on - self.as_of).days
        return days if days >= 0 else None


def lookup(found: DatedList, name: str, on: date) -> dict[str, Fact]:
    """What the list says of an organisation on a day, by path under `importer.`; nothing on a day before it was made.

    Not being among the covered persons says nothing: most are covered by who owns them, unlisted (28 CFR 202.211(a)(1) to (4)).
    """
    if found.age(on) is None:
        return {}
    entry = found.entry(name, on)
    if found.name is ListName.COVERED_PERSONS:
        return {"covered_person": True} if entry is not None else {}
    facts: dict[str, Fact] = {_STATED[found.name]: entry is not None}
    facts["dpf.covers"] = [each.value for each in entry.covers] if entry is not None else []
    if found.name is ListName.DPF and entry is not None:
        more = {"dpf.uk_extension": entry.uk_extension, "dpf.swiss": entry.swiss}
        facts |= {path: value for path, value in more.items() if value is not None}
    return facts


def together(stated: Iterable[Mapping[str, Fact]]) -> dict[str, Fact]:
    """What several lists say, as one; where two speak of the same, only what both say."""
    facts: dict[str, Fact] = {}
    for path, value in (pair for each in stated for pair in each.items()):
        before = facts.get(path, value)
        if isinstance(value, list) and isinstance(before, list):
            facts[path] = [each for each in before if each in value]
        else:
            facts[path] = before is True and value is True
    return facts


def asked_by(of: ListName, entry: ListEntry) -> tuple[str, ...]:
    """What an entry is found by: its name and its id."""
    return tuple(dict.fromkeys(_key(of, each) for each in (entry.name, entry.id) if each))


def spelled(name: str) -> str:
    """A name without case, accents of typography, punctuation and spaces."""
    return "".join(each for each in unicodedata.normalize("NFKC", name).casefold() if each.isalnum())


_STATED = {ListName.DPF: "dpf.listed", ListName.DPF_UK: "dpf.uk_extension", ListName.DPF_CH: "dpf.swiss"}


def _key(of: ListName, asked: str) -> str:
    return (spelled(asked) or asked) if of is ListName.COVERED_PERSONS else asked
