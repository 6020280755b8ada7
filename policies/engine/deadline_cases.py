"""Deadline cases: from a day or an instant and a duration of law to the last day. They ask the calendar, not the policies."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from policies.engine.calendars import Calendar, Duration, read_duration
from policies.engine.deadlines import due
from policies.engine.reading import Reading
from policies.engine.registry import Registry
from policies.engine.strict_yaml import Node, Place, plain

UNTOLD = "indeterminate"
_KNOWN = frozenset({"id", "law", "deadline", "due", "due_legal", "note", "cite", "title", "doubtful"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineCase:
    """One case: `begins` is a day, or an instant where the law counts hours; `known` says whether the law is registered."""

    id: str
    law: str
    begins: date | datetime
    duration: Duration
    calendar: Calendar
    known: bool
    due: str
    due_legal: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineResult:
    """What came of a deadline case."""

    case: DeadlineCase
    due: str
    due_legal: str

    @property
    def passed(self) -> bool:
        """Whether the nominal day is as expected and, where one is given, the day that counts at law."""
        return self.due == self.case.due and self.case.due_legal in {None, self.due_legal}

    def as_json(self) -> dict[str, Any]:
        """The case as `transfer-policy test --json` prints it: the outcome is the day."""
        return {
            "id": self.case.id,
            "pass": self.passed,
            "expected": self.case.due,
            "outcome": self.due,
            "reasons": [],
            "rules": [],
            "due_legal": self.due_legal,
        }


def run_deadline(case: DeadlineCase) -> DeadlineResult:
    """Count one case out. Business days of a law that nobody has registered cannot be told."""
    if case.duration.business_days and not case.known:
        return DeadlineResult(case=case, due=UNTOLD, due_legal=UNTOLD)
    found = due(case.begins, case.duration, case.calendar)
    return DeadlineResult(case=case, due=found.nominal.isoformat(), due_legal=found.legal.isoformat())


def read_deadline(reading: Reading, item: Node, registry: Registry) -> DeadlineCase | None:
    """Read one case; what is wrong with it is noted. The key that is none of the known ones says when the clock begins."""
    entries = reading.mapping(item, "a deadline case", needed=["id", "law", "deadline", "due"])
    if not {"id", "law", "deadline", "due"} <= entries.keys():
        return None
    name = reading.text(entries["id"].value, "an id")
    begins = [(key, entry) for key, entry in entries.items() if key not in _KNOWN]
    if len(begins) != 1:
        reading.wrong(item.place, f"deadline case `{name}` does not say when its clock begins", "give one day, such as `received`")
        return None
    start = _moment(plain(begins[0][1].value))
    duration = read_duration(plain(entries["deadline"].value))
    law = reading.text(entries["law"].value, "a law")
    jurisdiction = registry.cited(law)
    if start is None:
        reading.wrong(
            begins[0][1].place, f"impossible day or instant in `{begins[0][0]}`", "write YYYY-MM-DD, or an instant with its offset"
        )
    if duration is None:
        reading.wrong(entries["deadline"].place, "impossible duration", "write P1M, P30D, PT72H or 5BD")
    if start is None or duration is None:
        return None
    legal = plain(entries["due_legal"].value) if "due_legal" in entries else None
    return DeadlineCase(
        id=name,
        law=law,
        begins=start,
        duration=duration,
        calendar=jurisdiction.calendar if jurisdiction else Calendar(),
        known=jurisdiction is not None,
        due=str(plain(entries["due"].value)),
        due_legal=None if legal is None else str(legal),
        place=item.place,
    )


def _moment(value: object) -> date | datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value) if len(value) == len("2026-01-01") else _instant(value)
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else None
