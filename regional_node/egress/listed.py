"""What the lists in a node's home say of an importer on the day. A list is read afresh whenever its file changes.

A list that is not held, cannot be read or is of a day to come says nothing, and what is not said denies.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from policies.engine.diagnostics import Diagnostic, use_one_of
from policies.engine.errors import DomicileError
from policies.engine.list_reader import read_list
from policies.engine.lists import CERTIFIED, SPEAKS_OF, DatedList, ListName, lookup, together
from policies.engine.request import Fact
from policies.engine.strict_yaml import Entry, Node, Scalar, plain
from policies.engine.strict_yaml import Mapping as MappingNode
from policies.engine.strict_yaml import Sequence as SequenceNode
from regional_node.egress.stated import OWNERSHIP

FOLDER = "lists"
REMEDY = "load today's with `regional-node lists load`"
_FRESH = 1
"""How many days old a list may be on which absence opens a way, where no duty says it: the same as of the DPF List."""

_CLAIMS: Mapping[ListName, tuple[str, ...]] = {
    ListName.DPF: ("dpf", "uk_us_data_bridge", "swiss_us_dpf"),
    ListName.DPF_UK: ("uk_us_data_bridge",),
    ListName.DPF_CH: ("swiss_us_dpf",),
    ListName.COVERED_PERSONS: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """One list as it was asked for an importer: its date, or None when it said nothing.

    `remark` says what speaks against the importer, or is `wanting`: the list is missing or old.
    """

    list: ListName
    name: str
    as_of: date | None = None
    listed: bool = False
    remark: str = ""
    wanting: bool = False

    @property
    def known(self) -> bool:
        """Whether the list spoke at all: it is held, can be read, and is not of a day to come."""
        return self.as_of is not None

    def fresh(self, on: date, days: int) -> bool:
        """Whether it is no older than so many days, and not of a day to come."""
        return self.as_of is not None and 0 <= (on - self.as_of).days <= days


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the lists say of one importer: facts by path under `importer.`, and each list that was asked."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    consulted: tuple[Consulted, ...] = ()


class HeldLists:
    """The lists of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[ListName, tuple[tuple[int, int, int], DatedList]] = {}

    def held(self, name: ListName) -> DatedList | None:
        """The list of that name, or None when there is none. Raises DomicileError when it cannot be read."""
        path = self._folder / f"{name.value}.yaml"
        try:
            found = os.stat(path)  # noqa: PTH116 - asked at each decision
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._known.get(name)
            if known is not None and known[0] == stamp:
                return known[1]
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise DomicileError("the list cannot be read", where=f"{FOLDER}/{path.name}", remedy=REMEDY) from None
        read = read_list(text, f"{FOLDER}/{path.name}", today=date.max)  # whether it is of a day to come is asked at each look-up
        if read.name is not name:
            what = f"the file holds the list `{read.name.value}`"
            raise DomicileError(what, where=f"{FOLDER}/{path.name}", remedy=REMEDY)
        self._known[name] = (stamp, read)
        return read

    def listing(self, lists: Mapping[ListName, str], facts: Mapping[str, Fact], on: date) -> Listing:
        """What the lists that an importer is named on say of it. `facts` are those that the register states of it."""
        stated: list[dict[str, Fact]] = []
        consulted: list[Consulted] = []
        for which, name in lists.items():
            asked, says = self._ask(which, name, facts, on)
            consulted.append(asked)
            stated.append(says)
        return Listing(facts=together(stated), consulted=tuple(consulted))

    def _ask(self, which: ListName, name: str, facts: Mapping[str, Fact], on: date) -> tuple[Consulted, dict[str, Fact]]:
        try:
            found = self.held(which)
        except DomicileError:
            return Consulted(list=which, name=name, remark=f"the list `{which.value}` cannot be read", wanting=True), {}
        if found is None:
            return Consulted(list=which, name=name, remark=f"no list `{which.value}` is held", wanting=True), {}
        age = found.age(on)
        listed = age is not None and found.entry(name, on) is not None
        old = age is None or age > _FRESH
        remark = _remark(found, name, on, listed=listed)
        asked = Consulted(
            list=which, name=name, as_of=found.as_of if age is not None else None, listed=listed, remark=remark, wanting=old
        )
        says = lookup(found, name, on)
        if which is ListName.COVERED_PERSONS and not says and not old and facts.get(OWNERSHIP) is True:
            says = {"covered_person": False}
        return asked, says


def _remark(found: DatedList, name: str, on: date, *, listed: bool) -> str:
    held = f"the list `{found.name.value}` of {found.as_of.isoformat()}"
    age = found.age(on)
    if age is None:
        return f"{held} is of a day to come"
    if age > _FRESH:
        return f"{held} is {age} days old"
    certified = found.name in CERTIFIED
    if certified and not listed:
        return f"`{name}` is not on {held}"
    return f"`{name}` is on {held}" if listed and not certified else ""


def over(facts: Mapping[str, Fact], stated: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts of a register, and what lists state by path put into their places."""
    whole: dict[str, Any] = dict(facts)
    for path, value in stated.items():
        head, _, last = path.rpartition(".")
        if head:
            below = whole.get(head)
            whole[head] = {**(below if isinstance(below, Mapping) else {}), last: value}
        else:
            whole[last] = value
    return whole


def named_lists(entry: Entry | None, findings: list[Diagnostic]) -> dict[ListName, str]:
    """The `lists` of an importer in the register: which list, and the exact name that it bears there."""
    if entry is None:
        return {}
    if not isinstance(entry.value, MappingNode) or not entry.value.entries:
        findings.append(entry.place.finding("`lists` is not a mapping", "write `lists: {dpf: Acme Inc}`"))
        return {}
    known = [each.value for each in ListName]
    named: dict[ListName, str] = {}
    for key, given in entry.value.entries.items():
        name = given.value.value if isinstance(given.value, Scalar) else None
        if key not in known:
            findings.append(given.place.finding(f"unknown list `{key}`", use_one_of(key, known)))
        elif not isinstance(name, str) or not name.strip():
            findings.append(given.place.finding(f"`{key}` is not a name", "write the name exactly as the list does"))
        else:
            named[ListName(key)] = name
    return named


def said_twice(lists: Mapping[ListName, str], entries: Mapping[str, Entry]) -> Iterator[Diagnostic]:
    """What an importer's entry states by hand that a list it names states too."""
    for which in lists:
        for path in SPEAKS_OF[which]:
            found = _at(entries.get("facts"), path.split("."))
            if found is not None:
                yield found.place.finding(
                    f"the list `{which.value}` states `importer.{path}` already", "remove this line, or the list"
                )
        for claim in _items(entries.get("mechanisms")):
            checked = claim.get("checked_on")
            if checked is not None and plain(claim["id"].value if "id" in claim else checked.value) in _CLAIMS[which]:
                what = f"the list `{which.value}` has a date of its own"
                yield checked.place.finding(what, "remove `checked_on`, or the list")


def _at(entry: Entry | None, keys: list[str]) -> Entry | None:
    for key in keys:
        if entry is None or not isinstance(entry.value, MappingNode):
            return None
        entry = entry.value.entries.get(key)
    return entry


def _items(entry: Entry | None) -> Iterator[dict[str, Entry]]:
    listed: tuple[Node, ...] = entry.value.items if entry is not None and isinstance(entry.value, SequenceNode) else ()
    return (item.entries for item in listed if isinstance(item, MappingNode))
