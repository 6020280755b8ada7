"""How the dated lists of a home are shown: which are held, of which day, what they say of whom. Nothing here changes any."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from policies.engine.errors import DomicileError
from policies.engine.lists import DatedList, ListEntry, ListName
from regional_node.egress.importers import ImporterRegister
from regional_node.egress.listed import REMEDY

_STANDS = {True: "on it", False: "not on it", None: "not known"}


def lists_facts(importers: ImporterRegister, *, at: datetime) -> list[dict[str, Any]]:
    """Each list that is held or that an importer is named on, with those importers. Raises when the register cannot be read."""
    on = at.astimezone(UTC).date()
    known = [importers.find(each, on=on) for each in importers.names()]
    told: list[dict[str, Any]] = []
    for name in ListName:
        named = [(each, asked) for each in known for asked in each.consulted if asked.list is name]
        facts = list_facts(importers, name, at=at)
        if not named and not facts["as_of"] and not facts["fault"]:
            continue
        whom = [{"importer": each.id, "name": asked.name, "listed": asked.listed if asked.known else None} for each, asked in named]
        told.append(facts | {"importers": whom, "remark": REMEDY if any(asked.wanting for _, asked in named) else ""})
    return told


def list_facts(importers: ImporterRegister, name: ListName, *, at: datetime) -> dict[str, Any]:
    """One list: its date, size and source; or what keeps it from being read."""
    facts: dict[str, Any] = {"list": name.value, "as_of": "", "age_days": None, "entries": 0, "source": "", "fault": ""}
    try:
        found = importers.held(name)
    except DomicileError as error:
        return facts | {"fault": str(error)}
    if found is None:
        return facts
    return facts | {
        "as_of": found.as_of.isoformat(),
        "age_days": (at.astimezone(UTC).date() - found.as_of).days,
        "entries": len(found.entries),
        "source": found.source,
    }


def lists_lines(facts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same in lines."""
    for each in facts:
        yield list_line(each)
        for whom in each["importers"]:
            yield f"  {whom['importer']} as `{whom['name']}`: {_STANDS[whom['listed']]}"


def list_line(facts: Mapping[str, Any]) -> str:
    """One list in a line."""
    remark = f"; {facts['remark']}" if facts.get("remark") else ""
    if facts["fault"]:
        return f"list {facts['list']}: {facts['fault']}"
    if not facts["as_of"]:
        return f"list {facts['list']}: none is held{remark}"
    age = {0: "today", 1: "1 day old"}.get(facts["age_days"], f"{facts['age_days']} days old")
    source = f", from {facts['source']}" if facts["source"] else ""
    return f"list {facts['list']} of {facts['as_of']} ({age}): {facts['entries']} organisations{source}{remark}"


def entry_facts(found: DatedList, entry: ListEntry, *, at: datetime) -> dict[str, Any]:
    """One entry as plain values; what it leaves out is left out."""
    told: dict[str, Any] = {"name": entry.name, "id": entry.id, "covers": [each.value for each in entry.covers] or None}
    told |= {"from": entry.from_day and entry.from_day.isoformat(), "to": entry.to_day and entry.to_day.isoformat()}
    told |= {"uk_extension": entry.uk_extension, "swiss": entry.swiss}
    on = at.astimezone(UTC).date()
    holds = found.age(on) is not None and entry.holds(on)
    return {key: value for key, value in told.items() if value is not None} | {"holds": holds}


def entry_line(facts: Mapping[str, Any]) -> str:
    """One entry in a line."""
    parts = [facts["name"]]
    parts += [f"covers {', '.join(facts['covers'])}"] if "covers" in facts else []
    parts += [f"{key} {facts[key]}" for key in ("id", "from", "to") if key in facts]
    parts += [f"{key} {'yes' if facts[key] else 'no'}" for key in ("uk_extension", "swiss") if key in facts]
    return "; ".join(parts) + ("" if facts["holds"] else "; does not hold today")
