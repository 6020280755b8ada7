"""Lists, searches and pages of records, the same for all five kinds. Whatever is shown is in the trail of reads before it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from chassis.web import languages
from chassis.web.sessions import Caller
from policies.engine.errors import Code, DomicileError
from regional_node.console.doors import Reader, Rooms, may_write, show, wants_part
from regional_node.console.finding import Wanted, wanted
from regional_node.console.kinds import FACES, Face
from regional_node.console.shown import Cell, Line, Setter, Titles, initials, pointed_at, title_of
from regional_node.crm.domains import Domains
from regional_node.crm.fields import RecordType
from regional_node.crm.records import Record
from regional_node.usecases.records import Search

COUNTED = 1000
_FEW = 5
_PAST = 40
_EXPECTED = frozenset({Code.INPUT_INVALID, Code.INPUT_UNKNOWN})
_DONE = frozenset({"created", "saved"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of a list, set. `trouble` says why there is none."""

    wanted: Wanted
    lines: tuple[Line, ...] = ()
    next_cursor: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, for the timeline: which record, on which day, and the cells that tell it."""

    at: datetime
    icon: str
    when: str
    line: Line


class RecordPages:
    """The pages of one kind."""

    def __init__(self, rooms: Rooms, face: Face) -> None:
        self._rooms = rooms
        self._face = face

    def add_to(self, router: APIRouter) -> None:
        """Its routes. The page of a record comes after `/new`, which is no record."""
        router.get(self._face.path)(self.first)
        router.post(self._face.path)(self.search)
        router.get(f"{self._face.path}/{{record_id}}")(self.record)

    def first(self, request: Request, caller: Reader) -> Response:
        """A page of the list."""
        return self._answer(request, caller, wanted(self._face, request.query_params, words=False))

    async def search(self, request: Request, caller: Reader) -> Response:
        """What the words find; without words the list, at an address that can be kept."""
        asked = wanted(self._face, await request.form(), words=True)
        if not asked.words and not wants_part(request):
            return RedirectResponse(asked.address(asked.cursor), status_code=303)
        return await run_in_threadpool(self._answer, request, caller, asked)

    def record(self, request: Request, record_id: str, caller: Reader) -> Response:
        """The page of one record."""
        editing, face = self._rooms.editing, self._face
        record = editing.read(face.kind, record_id, reader_id=caller.caller_id)
        setter = setter_of(request, self._rooms)
        titles = titles_of(self._rooms, [record], face.pointers, caller)
        done = request.query_params.get("done", "")
        return show(
            request,
            "record.html",
            face=face,
            record=record,
            name=title_of(face, record),
            mark=initials(title_of(face, record)),
            groups=_groups(setter, face, record, titles),
            extras=sorted((name, value.reveal()) for name, value in record.custom.items()),
            keys=[(one.system, one.key.reveal()) for one in record.external_ids],
            related=self._related(setter, record, caller),
            events=self._events(setter, record, caller) if face.kind in {RecordType.PEOPLE, RecordType.COMPANIES} else None,
            writes=may_write(caller),
            done=done if done in _DONE else "",
            discouraged=editing.discouraged(record, record.values) if done in _DONE else (),
        )

    def _answer(self, request: Request, caller: Caller, asked: Wanted) -> Response:
        setter = setter_of(request, self._rooms)
        listed = self._listed(setter, asked, caller)
        status = 422 if listed.trouble and not wants_part(request) else 200
        whole = not (asked.words or asked.filters or asked.cursor)
        counted = self._rooms.editing.count(self._face.kind, cap=COUNTED) if whole else None
        if wants_part(request):
            return show(request, "results.html", part=True, face=self._face, listed=listed, counted=counted, cap=COUNTED)
        return show(
            request,
            "list.html",
            status=status,
            face=self._face,
            listed=listed,
            counted=counted,
            cap=COUNTED,
            choices=[(name, chosen(self._face, name, self._rooms.domains, setter)) for name in self._face.filters],
            parties=self._parties(asked, caller),
            writes=may_write(caller),
        )

    def _listed(self, setter: Setter, asked: Wanted, caller: Caller) -> Listed:
        if asked.too_short:
            return Listed(wanted=asked, trouble="too_short")
        try:
            page = self._rooms.editing.search(asked.search(), reader_id=caller.caller_id)
        except DomicileError as error:
            if error.code not in _EXPECTED:
                raise
            return Listed(wanted=asked, trouble="not_askable")
        lines = self._lines(setter, self._face, page.records, self._face.columns, caller)
        return Listed(wanted=asked, lines=lines, next_cursor=page.next_cursor or "")

    def _lines(
        self, setter: Setter, face: Face, records: Sequence[Record], columns: tuple[str, ...], caller: Caller
    ) -> tuple[Line, ...]:
        titles = titles_of(self._rooms, records, columns, caller)
        return tuple(setter.line(face, record, columns, titles) for record in records)

    def _parties(self, asked: Wanted, caller: Caller) -> list[tuple[str, str, str]]:
        found = []
        for name, record_id in asked.filters:
            refers_to = self._face.specs[name].refers_to
            if refers_to is not None:
                record = find(self._rooms, refers_to, record_id)
                self._rooms.editing.note(caller.caller_id, [record] if record else [])
                found.append((name, f"/{refers_to.value}/{record_id}", title_of(FACES[refers_to], record) if record else ""))
        return found

    def _related(self, setter: Setter, record: Record, caller: Caller) -> list[dict[str, Any]]:
        found = []
        for one in self._face.related:
            query = Search(record_type=one.kind, equals=((one.by, record.id),), limit=_FEW)
            page = self._rooms.editing.search(query, reader_id=caller.caller_id)
            lines = self._lines(setter, FACES[one.kind], page.records, one.columns, caller)
            found.append({"of": one, "face": FACES[one.kind], "lines": lines, "more": page.next_cursor is not None})
        return found

    def _events(self, setter: Setter, record: Record, caller: Caller) -> tuple[Event, ...]:
        """Activities, orders and deals by the day they happened, latest first, of those latest written down."""
        by = "person_id" if record.type is RecordType.PEOPLE else "company_id"
        told: list[Event] = []
        for kind, (columns, at) in _TOLD.items():
            query = Search(record_type=kind, equals=((by, record.id),), limit=_PAST)
            page = self._rooms.editing.search(query, reader_id=caller.caller_id)
            for one in page.records:
                moment = _moment(one.plain(at)) or one.created_at
                line = setter.line(FACES[kind], one, columns, {})
                when = setter.cell(FACES[kind], one, at, {}).text
                told.append(Event(at=moment, icon=str(one.plain("kind") or kind.value), when=when, line=line))
        return tuple(sorted(told, key=lambda event: event.at, reverse=True)[:_PAST])


_TOLD: dict[RecordType, tuple[tuple[str, ...], str]] = {
    RecordType.ACTIVITIES: (("title", "kind", "direction", "outcome", "notes"), "occurred_at"),
    RecordType.ORDERS: (("title", "product", "status", "amount"), "ordered_at"),
    RecordType.DEALS: (("title", "stage", "status", "amount"), "opened_at"),
}


def setter_of(request: Request, rooms: Rooms) -> Setter:
    """Values in the reader's language."""
    return Setter(lang=languages.choose(request), zone=rooms.zone)


def find(rooms: Rooms, kind: RecordType, record_id: str) -> Record | None:
    """A record, None when it is gone: what pointed at it stays."""
    try:
        return rooms.editing.find(kind, record_id)
    except DomicileError as error:
        if error.code is not Code.RECORD_NOT_FOUND:
            raise
        return None


def titles_of(rooms: Rooms, records: Iterable[Record], names: Iterable[str], caller: Caller) -> Titles:
    """What the records that `records` point at are known by; each is in the trail."""
    pointers = pointed_at(records, names)
    pointed = [record for record_id, kind in pointers.items() if (record := find(rooms, kind, record_id)) is not None]
    rooms.editing.note(caller.caller_id, pointed)
    return {record.id: title_of(FACES[record.type], record) for record in pointed}


def chosen(face: Face, name: str, domains: Domains, setter: Setter) -> list[tuple[str, str]]:
    """The values of a filter with their names, empty where the page translates the term."""
    return [(value, setter.name(name, value) or "") for value in domains.of(face.specs[name]) or ()]


def _groups(setter: Setter, face: Face, record: Record, titles: Titles) -> list[tuple[str, list[Cell]]]:
    groups = []
    for group, names in face.groups:
        filled = [setter.cell(face, record, name, titles) for name in names if record.plain(name) is not None]
        if filled:
            groups.append((group, filled))
    return sorted(groups, key=lambda told: told[0] != "contact")  # what one opens the page for stands first


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time.min, UTC) if isinstance(value, date) else None
