"""Finding records: the statements behind list and search, newest first, with cursors. It opens nothing and returns rows."""

import base64
import binascii
import difflib
import re

from sqlalchemy import ColumnElement, Select, select, tuple_

from policies.engine.errors import Code, DomicileError
from regional_node.crm.contact import LONGEST_PREFIX, name_words
from regional_node.crm.fields import FIELDS, FieldType, RecordType, field_of
from regional_node.crm.records import Record
from regional_node.storage.rows import COLUMNS, comparable, microseconds, storable
from regional_node.storage.sealing import Indexer
from regional_node.storage.tables import RECORDS, blind_index, name_tokens, person_keys
from regional_node.usecases.records import Search

LARGEST_PAGE = 500
_CURSOR = re.compile(r"(-?[0-9]{1,19})\.([0-9a-f]{32})")


def statement(query: Search, indexer: Indexer) -> Select[tuple[object, ...]]:
    """One page and one row more: the columns of the record, then `kek_id` and `wrapped`. Raises INPUT_INVALID, INPUT_UNKNOWN."""
    table = RECORDS[query.record_type]
    if not 1 <= query.limit <= LARGEST_PAGE:
        raise DomicileError("a page has no such size", remedy=f"ask for 1 to {LARGEST_PAGE} records", code=Code.INPUT_INVALID)
    wanted = select(*(table.c[name] for name in COLUMNS[query.record_type]), person_keys.c.kek_id, person_keys.c.wrapped)
    wanted = wanted.join_from(table, person_keys, table.c.subject_id == person_keys.c.subject_id)
    wanted = wanted.where(*_sealed_conditions(query, indexer), *_open_conditions(query))
    if query.cursor is not None:
        created_at, record_id = read_cursor(query.cursor)
        wanted = wanted.where(tuple_(table.c.created_at, table.c.id) < tuple_(created_at, record_id))
    return wanted.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(query.limit + 1)


def _sealed_conditions(query: Search, indexer: Indexer) -> list[ColumnElement[bool]]:
    subject = RECORDS[query.record_type].c.subject_id
    conditions: list[ColumnElement[bool]] = []
    exact = []
    if query.email is not None:
        _require_searchable(query.record_type, FieldType.EMAIL)
        exact.append(indexer.email(query.record_type, query.email))
    if query.phone is not None:
        _require_searchable(query.record_type, FieldType.PHONE)
        found = indexer.phone(query.record_type, query.phone)
        if found is None:
            raise DomicileError("the phone has no digit", remedy="give a number", code=Code.INPUT_INVALID)
        exact.append(found)
    for kind, digest in exact:
        same = (blind_index.c.kind == kind, blind_index.c.digest == digest)
        conditions.append(subject.in_(select(blind_index.c.subject_id).where(*same)))
    if query.name is not None:
        _require_searchable(query.record_type, FieldType.TEXT)
        words = name_words(query.name)
        if not words:
            raise DomicileError("the name has no letter", remedy="give the beginning of a name", code=Code.INPUT_INVALID)
        for word in dict.fromkeys(words):
            token = indexer.prefix(query.record_type, word[:LONGEST_PREFIX])
            conditions.append(subject.in_(select(name_tokens.c.subject_id).where(name_tokens.c.token == token)))
    return conditions


def _open_conditions(query: Search) -> list[ColumnElement[bool]]:
    table = RECORDS[query.record_type]
    conditions: list[ColumnElement[bool]] = []
    for name, text in query.equals:
        spec = field_of(query.record_type, name)
        if spec is None or spec.sealed:
            known = [one.name for one in FIELDS[query.record_type] if not one.sealed]
            near = difflib.get_close_matches(name, known, n=3) or known
            remedy = f"use one of: {', '.join(f'`{one}`' for one in near)}"
            raise DomicileError("records cannot be looked up by this field", remedy=remedy, code=Code.INPUT_UNKNOWN)
        conditions.append(table.c[name] == comparable(spec, text))
    return conditions


def _require_searchable(record_type: RecordType, kind: FieldType) -> None:
    if not any(spec.searchable and spec.type is kind for spec in FIELDS[record_type]):
        words = {FieldType.EMAIL: "e-mail", FieldType.PHONE: "phone"}
        what = f"`{record_type.value}` are not searched by {words.get(kind, 'name')}"
        raise DomicileError(what, remedy="search people or companies, then their records", code=Code.INPUT_INVALID)


def cursor_after(record: Record) -> str:
    """The cursor of the page that follows a record: opaque to whoever holds it."""
    return base64.urlsafe_b64encode(f"{microseconds(record.created_at)}.{record.id}".encode()).rstrip(b"=").decode()


def read_cursor(cursor: str) -> tuple[int, str]:
    """(creation time, id) of the last record seen. Raises INPUT_INVALID for anything that is no cursor of ours."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    parts = _CURSOR.fullmatch(text)
    if parts is None or not storable(created_at := int(parts[1])):
        remedy = "take `next_cursor` of the page before"
        raise DomicileError("the cursor is not one of ours", where="cursor", remedy=remedy, code=Code.INPUT_INVALID)
    return created_at, parts[2]
