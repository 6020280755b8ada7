"""Making and changing records: a form, every fault at its field, and what to do when two people changed the same record.

A form that is sent twice makes one record: it carries a key, and the use case keeps a digest of it for a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from chassis.web.sessions import Caller
from policies.engine.errors import Code, DomicileError
from regional_node.console.doors import Reader, Rooms, Writer, show
from regional_node.console.finding import wanted
from regional_node.console.forms import Filled, Texts, digits_of, marks, read_form, texts_of, values_of
from regional_node.console.kinds import FACES, Face
from regional_node.console.records import chosen, find, setter_of
from regional_node.console.shown import Setter, address, title_of
from regional_node.crm.fields import FieldType, RecordType
from regional_node.crm.records import Record
from regional_node.crm.validation import FieldFault, FieldsInvalidError
from regional_node.usecases.editing import Idempotency

CHOICES = 8
WORDS = ".words"
"""What follows a pointing field's name in the name of the field where one types whom it means."""
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A record that a pointing field may mean."""

    id: str
    title: str
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A field that reads otherwise by now; `yours` is None where only the other one changed it."""

    field: str
    kept: str
    yours: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a form shows: its texts, and what has to be said about them."""

    texts: Texts
    seen: str
    version: int
    key: str = ""
    faults: Mapping[str, FieldFault] | None = None
    conflict: bool = False
    rivals: tuple[Rival, ...] = ()
    found: Mapping[str, tuple[Choice, ...]] | None = None
    words: Mapping[str, str] | None = None
    repeated: bool = False


class EditPages:
    """The forms of one kind."""

    def __init__(self, rooms: Rooms, face: Face) -> None:
        self._rooms = rooms
        self._face = face

    def add_to(self, router: APIRouter) -> None:
        """Its routes, before that of a record's page."""
        path = self._face.path
        router.get(f"{path}/new")(self.blank)
        router.post(f"{path}/new")(self.create)
        router.post(f"{path}/choices")(self.choices)
        router.get(f"{path}/{{record_id}}/edit")(self.form)
        router.post(f"{path}/{{record_id}}/edit")(self.save)

    def blank(self, request: Request, caller: Writer) -> Response:
        """An empty form; a record to point at may stand in the address."""
        texts = texts_of(self._face, None, self._rooms.zone)
        pointers = {name: request.query_params.get(name, "") for name in self._face.pointers}
        texts |= {name: given for name, given in pointers.items() if find(self._rooms, self._refers(name), given)}
        texts |= self._usual()
        sheet = Sheet(texts=texts, seen="", version=0, key=_new_key(request))
        return self._show(request, caller, None, sheet)

    async def create(self, request: Request, caller: Writer) -> Response:
        """Make the record and go to its page, or show the form again."""
        form = await request.form()
        return await run_in_threadpool(self._create, request, caller, form)

    def form(self, request: Request, record_id: str, caller: Writer) -> Response:
        """The form of a record."""
        record = self._rooms.editing.read(self._face.kind, record_id, reader_id=caller.caller_id)
        texts = texts_of(self._face, record, self._rooms.zone)
        return self._show(request, caller, record, Sheet(texts=texts, seen=marks(texts), version=record.version))

    async def save(self, request: Request, record_id: str, caller: Writer) -> Response:
        """Keep what was changed and go to the record's page, or show the form again."""
        form = await request.form()
        return await run_in_threadpool(self._save, request, caller, record_id, form)

    async def choices(self, request: Request, caller: Reader) -> Response:
        """The records that a pointing field of a form may mean, by the words typed beside it."""
        form = await request.form()
        name = str(form.get("of", ""))
        owners = [face for face in FACES.values() if name in face.pointers and face.specs[name].refers_to is self._face.kind]
        words = str(form.get(name + WORDS, ""))
        found = await run_in_threadpool(self._choices, words, caller) if owners else ()
        return show(request, "choices.html", name=name if owners else "", found=found, words=words)

    def _create(self, request: Request, caller: Caller, form: Mapping[str, Any]) -> Response:
        filled = read_form(self._face, form)
        sheet = Sheet(texts=filled.texts, seen="", version=0, key=filled.key)
        if pointer := self._asks(form):
            return self._show(request, caller, None, self._with_choices(sheet, pointer, form, caller))
        names = frozenset(name for name, text in filled.texts.items() if text)
        given = self._values(filled.texts, names, None)
        try:
            created = self._rooms.editing.create(self._face.kind, given, idempotency=self._idempotency(caller, filled))
        except FieldsInvalidError as error:
            return self._show(request, caller, None, _with_faults(sheet, error), status=error.row.http)
        except DomicileError as error:
            if error.code is not Code.IDEMPOTENCY_MISMATCH:
                raise
            again = replace(sheet, repeated=True, key=_new_key(request))
            return self._show(request, caller, None, again, status=error.row.http)
        return RedirectResponse(f"{address(created.record)}?done=created", status_code=303)

    def _save(self, request: Request, caller: Caller, record_id: str, form: Mapping[str, Any]) -> Response:
        record = self._rooms.editing.find(self._face.kind, record_id)
        filled = read_form(self._face, form)
        sheet = Sheet(texts=filled.texts, seen=_text(form.get("seen")), version=filled.version)
        if pointer := self._asks(form):
            return self._show(request, caller, record, self._with_choices(sheet, pointer, form, caller))
        present = texts_of(self._face, record, self._rooms.zone)
        changed = filled.changed(present)
        if record.version != filled.version:
            return self._conflict(request, caller, record, filled)
        if not changed:
            return RedirectResponse(address(record), status_code=303)
        given = self._values(filled.texts, changed, record)
        try:
            self._rooms.editing.update(self._face.kind, record_id, given, expected_version=filled.version, whole=False)
        except FieldsInvalidError as error:
            return self._show(request, caller, record, _with_faults(sheet, error), status=error.row.http)
        except DomicileError as error:
            if error.code is not Code.RECORD_CONFLICT:
                raise
            return self._conflict(request, caller, self._rooms.editing.find(self._face.kind, record_id), filled)
        return RedirectResponse(f"{address(record)}?done=saved", status_code=303)

    def _conflict(self, request: Request, caller: Caller, record: Record, filled: Filled) -> Response:
        """The form on the newer version: what only the other changed is taken over, what only this one changed is kept."""
        present = texts_of(self._face, record, self._rooms.zone)
        changed = filled.changed(present)
        merged = {name: filled.texts[name] if name in changed else text for name, text in present.items()}
        rivals = tuple(
            Rival(field=name, kept=present[name], yours=text if name in changed else None)
            for name, text in filled.texts.items()
            if present[name] != text
        )
        sheet = Sheet(texts=merged, seen=marks(present), version=record.version, conflict=True, rivals=rivals)
        return self._show(request, caller, record, sheet, status=412)

    def _show(self, request: Request, caller: Caller, record: Record | None, sheet: Sheet, *, status: int = 200) -> Response:
        setter = setter_of(request, self._rooms)
        if record is not None:
            self._rooms.editing.note(caller.caller_id, [record])
        return show(
            request,
            "edit.html",
            status=status,
            face=self._face,
            record=record,
            name=title_of(self._face, record) if record else "",
            sheet=sheet,
            options=self._options(setter, sheet.texts),
            pointed={name: self._pointed(name, sheet.texts.get(name, ""), caller) for name in self._face.pointers},
            step=f"{10 ** -digits_of(sheet.texts.get('currency')):.4f}".rstrip("0").rstrip("."),
            back=address(record) if record else self._face.path,
        )

    def _options(self, setter: Setter, texts: Texts) -> dict[str, list[tuple[str, str]]]:
        options: dict[str, list[tuple[str, str]]] = {}
        for name, spec in self._face.specs.items():
            if spec.type is FieldType.TERM and name != "owner":
                found = chosen(self._face, name, self._rooms.domains, setter)
                present = texts.get(name, "")
                if present and present not in [value for value, _ in found]:
                    found.append((present, setter.name(name, present) or ""))
                options[name] = found
        return options

    def _pointed(self, name: str, record_id: str, caller: Caller) -> Choice | None:
        record = find(self._rooms, self._refers(name), record_id) if record_id else None
        if record is None:
            return None
        self._rooms.editing.note(caller.caller_id, [record])
        return Choice(id=record.id, title=title_of(FACES[record.type], record))

    def _with_choices(self, sheet: Sheet, name: str, form: Mapping[str, Any], caller: Caller) -> Sheet:
        words = _text(form.get(name + WORDS))
        pages = EditPages(self._rooms, FACES[self._refers(name)])
        return replace(sheet, found={name: pages._choices(words, caller)}, words={name: words})

    def _choices(self, words: str, caller: Caller) -> tuple[Choice, ...]:
        asked = wanted(self._face, {"q": words}, words=True)
        if not asked.words or asked.too_short:
            return ()
        try:
            page = self._rooms.editing.search(replace(asked.search(), limit=CHOICES), reader_id=caller.caller_id)
        except DomicileError as error:
            if error.code is not Code.INPUT_INVALID:
                raise
            return ()
        beside = "email" if self._face.kind is RecordType.PEOPLE else "city"
        return tuple(
            Choice(id=one.id, title=title_of(self._face, one), beside=str(one.plain(beside) or "")) for one in page.records
        )

    def _values(self, texts: Texts, names: frozenset[str], record: Record | None) -> dict[str, object]:
        kept = record.plain("currency") if record is not None and "currency" in self._face.specs else ""
        currency = texts.get("currency", str(kept or "")).upper()
        money = {n for n, spec in self._face.specs.items() if spec.type is FieldType.MONEY and texts.get(n)}
        # The text of an amount stays when its currency changes, and its minor units with it.
        again = money if "currency" in names else set()
        return values_of(self._face, texts, names | again, currency=currency, zone=self._rooms.zone)

    def _usual(self) -> dict[str, str]:
        currency = next(iter(self._rooms.domains.currencies), "")
        return {"currency": currency} if "currency" in self._face.specs else {}

    def _asks(self, form: Mapping[str, Any]) -> str:
        asked = _text(form.get("find"))
        return asked if asked in self._face.pointers else ""

    def _refers(self, name: str) -> RecordType:
        refers_to = self._face.specs[name].refers_to
        assert refers_to is not None  # noqa: S101 - a pointer is a field that refers
        return refers_to

    def _idempotency(self, caller: Caller, filled: Filled) -> Idempotency | None:
        if not filled.key:
            return None
        owned = f"{caller.caller_id}\0form\0{self._face.kind.value}\0{filled.key}".encode()
        body = msgspec.json.encode(sorted(filled.texts.items()))
        return Idempotency(
            key_digest=self._rooms.digest(owned),
            request_hmac=self._rooms.digest(b"form\0" + self._face.kind.value.encode() + b"\0" + body),
        )


def _with_faults(sheet: Sheet, error: FieldsInvalidError) -> Sheet:
    faults: dict[str, FieldFault] = {}
    for fault in error.faults:
        faults.setdefault(fault.field, fault)
    return replace(sheet, faults=faults)


def _new_key(request: Request) -> str:
    return str(request.app.state.shell.random(_KEY_BYTES).hex())


def _text(given: object) -> str:
    return given[:4000] if isinstance(given, str) else ""
