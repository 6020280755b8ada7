"""Reads the file of one law in the registry: what is special, ages, calendar, clocks, transfer mechanisms. It decides nothing."""

from collections.abc import Mapping
from datetime import date

from policies.engine.calendars import Calendar, Duration, knows, read_duration
from policies.engine.facts import FactSpec
from policies.engine.reading import Reading
from policies.engine.registry import Deadline, Filing, Jurisdiction, Mechanism, MechanismKind, Right
from policies.engine.strict_yaml import Entry, Node, Place
from policies.engine.term_parser import Reads, TermParser
from policies.engine.vocabulary import DataCategory

LAW_KEYS = (
    "law", "name", "parent", "members", "overlay", "status", "special", "child_age", "calendar", "cited_as", "facts", "reasons",
    "obligations", "mechanisms", "deadlines",
)  # fmt: skip
_MECHANISM_KEYS = (
    "id", "kind", "importer", "from", "to", "scope", "outside", "needs", "filing", "max_age", "renew_after", "occasional_only",
    "offered", "cite", "doubt", "watch",
)  # fmt: skip
_CLAIM_KEYS = ("needs", "filing", "max_age", "renew_after", "occasional_only")
_DEADLINE_KEYS = ("right", "within", "extension", "from", "cite", "note")
_STATUS = ("found", "recalled", "doubtful")


class LawReader:
    """Reads one file against the facts of the whole registry."""

    def __init__(self, reading: Reading, body: Mapping[str, Entry], facts: Mapping[str, FactSpec]) -> None:
        self._reading = reading
        self._body = body
        self._terms = TermParser(dict(facts), reading, reads=Reads.SCOPE)
        self.place: Place = body["law"].place
        self.code = reading.text(body["law"].value, "the code of a law")
        self.parent = self._text("parent", "a law") or None

    def jurisdiction(self) -> Jurisdiction:
        """What the law is, without its mechanisms."""
        body, reading = self._body, self._reading
        ages = (
            reading.mapping(body["child_age"].value, "child_age", known=["default", "by_state", "cite"])
            if "child_age" in body
            else {}
        )
        states = reading.mapping(ages["by_state"].value, "by_state") if "by_state" in ages else {}
        categories = [category.value for category in DataCategory]
        return Jurisdiction(
            code=self.code,
            name=self._text("name", "a name"),
            parent=self.parent,
            members=self._texts("members", "a code"),
            overlay=reading.boolean(body["overlay"].value, "overlay") if "overlay" in body else False,
            special=reading.terms(body["special"].value, "data category", categories) if "special" in body else (),
            child_age=reading.integer(ages["default"].value, "default") if "default" in ages else None,
            child_age_by_state={state: reading.integer(e.value, "an age") for state, e in states.items()},
            calendar=self._calendar(),
            cited_as=self._texts("cited_as", "a name"),
            deadlines=tuple(self._deadline(item) for item in self._items("deadlines")),
            status=reading.term(body["status"].value, "status", _STATUS) if "status" in body else "",
        )

    def mechanisms(self) -> list[Mechanism]:
        """Its grounds of transfer, in their order."""
        return [self._mechanism(item) for item in self._items("mechanisms")]

    def _text(self, key: str, what: str) -> str:
        return self._reading.text(self._body[key].value, what) if key in self._body else ""

    def _texts(self, key: str, what: str) -> tuple[str, ...]:
        return self._reading.texts(self._body[key].value, what) if key in self._body else ()

    def _items(self, key: str) -> tuple[Node, ...]:
        return tuple(self._reading.items(self._body[key].value, key)) if key in self._body else ()

    def _calendar(self) -> Calendar:
        if "calendar" not in self._body:
            return Calendar()
        entry = self._body["calendar"]
        body = self._reading.mapping(entry.value, "calendar", known=["country", "subdivision", "rolls"])
        country = self._reading.text(body["country"].value, "a country") if "country" in body else None
        part = self._reading.text(body["subdivision"].value, "a subdivision") if "subdivision" in body else None
        if country and not knows(country, part):
            self._reading.wrong(
                entry.place, f"no holidays are known of `{country}{'-' + part if part else ''}`", "use an ISO 3166 code"
            )
            return Calendar()
        rolls = self._reading.boolean(body["rolls"].value, "rolls") if "rolls" in body else False
        return Calendar(country=country, subdivision=part, rolls=rolls)

    def _deadline(self, node: Node) -> Deadline:
        body = self._reading.mapping(node, "a deadline", known=_DEADLINE_KEYS, needed=["right", "within", "cite"])
        right = self._reading.term(body["right"].value, "right", [r.value for r in Right]) if "right" in body else ""
        return Deadline(
            right=Right(right) if right else Right.ACCESS,
            within=self._duration(body["within"]) if "within" in body else Duration(),
            text=self._reading.text(body["within"].value, "a duration") if "within" in body else "",
            extension=self._duration(body["extension"]) if "extension" in body else None,
            start=self._day(body, "from", date.min),
            cite=self._reading.texts(body["cite"].value, "a citation") if "cite" in body else (),
            note=self._reading.text(body["note"].value, "a note") if "note" in body else "",
        )

    def _duration(self, entry: Entry) -> Duration:
        text = self._reading.text(entry.value, "a duration")
        found = read_duration(text)
        if found is None and text:
            self._reading.wrong(entry.place, f"impossible duration `{text}`", "write P1M, P30D, PT72H or 5BD")
        return found or Duration()

    def _day(self, body: Mapping[str, Entry], key: str, default: date) -> date:
        return (self._reading.day(body[key].value, key) or default) if key in body else default

    def _mechanism(self, node: Node) -> Mechanism:
        reading = self._reading
        body = reading.mapping(node, "a mechanism", known=_MECHANISM_KEYS, needed=["id", "kind", "cite"])
        word = reading.term(body["kind"].value, "kind", [k.value for k in MechanismKind]) if "kind" in body else ""
        kind = MechanismKind(word) if word else MechanismKind.SAFEGUARD
        start, end = self._day(body, "from", date.min), self._day(body, "to", date.max)
        if start >= end:
            reading.wrong(body["to"].place, "a mechanism that ends before it begins", "`to` is exclusive and lies after `from`")
        if word and (kind is MechanismKind.ADEQUACY) != ("importer" in body):
            reading.wrong(node.place, "adequacy, and only adequacy, names its importer", "add or remove `importer`")
        idle = [key for key in _CLAIM_KEYS if key in body and kind is MechanismKind.ADEQUACY and word]
        for key in idle:  # adequacy needs no claim, so what a claim must show would never be asked
            reading.wrong(
                body[key].place, f"adequacy needs no claim, so its `{key}` would decide nothing", "use `scope`, or a safeguard"
            )
        # adequacy with a scope may be opened by a listing; derogations are never offered, for they are not a way to work
        offered = kind is MechanismKind.SAFEGUARD or (kind is MechanismKind.ADEQUACY and "scope" in body)
        return Mechanism(
            law=self.code,
            id=reading.text(body["id"].value, "an id") if "id" in body else "",
            kind=kind,
            importer=reading.text(body["importer"].value, "a region") if "importer" in body else None,
            start=start,
            end=end,
            scope=self._terms.every(body["scope"].value, "scope") if "scope" in body else None,
            needs=reading.texts(body["needs"].value, "evidence") if "needs" in body else (),
            occasional_only=_flag(reading, body, "occasional_only", default=False),
            cite=reading.texts(body["cite"].value, "a citation") if "cite" in body else (),
            doubt=reading.text(body["doubt"].value, "a doubt") if "doubt" in body else "",
            watch=reading.text(body["watch"].value, "what to watch") if "watch" in body else "",
            outside=reading.text(body["outside"].value, "a reason") if "outside" in body else None,
            filing=self._filing(body["filing"]) if "filing" in body else None,
            max_age=self._ages(body, "max_age"),
            renew_after=self._ages(body, "renew_after"),
            offered=_flag(reading, body, "offered", default=offered),
        )

    def _filing(self, entry: Entry) -> Filing:
        names = ("after", "filed", "within")
        body = self._reading.mapping(entry.value, "filing", known=names, needed=names)
        return Filing(
            after=self._reading.text(body["after"].value, "evidence") if "after" in body else "",
            filed=self._reading.text(body["filed"].value, "evidence") if "filed" in body else "",
            within=self._duration(body["within"]) if "within" in body else Duration(),
        )

    def _ages(self, body: Mapping[str, Entry], key: str) -> dict[str, Duration]:
        if key not in body:
            return {}
        return {name: self._duration(entry) for name, entry in self._reading.mapping(body[key].value, key).items()}


def _flag(reading: Reading, body: Mapping[str, Entry], key: str, *, default: bool) -> bool:
    return reading.boolean(body[key].value, key) if key in body else default
